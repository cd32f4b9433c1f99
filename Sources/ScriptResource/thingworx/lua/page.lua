-- Builds a page of HTML for a callback to return. Texts go in as they are: what comes from others is to be escaped, with page.escape.
local page = {}
page.__index = page

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

-- A text as it is to stand in HTML. → text
function page.escape(value) return (string.gsub(tostring(value), '[&<>"]', escapes)) end

-- A page with a title. Its fields may be changed: title, id, doctype, html_open, body_open, headers, status, and the lists
-- head, style, body. → page; raises an error without a title
function page:new(title)
  if title == nil then error("page:new: expected a title", 2) end
  return setmetatable({
    title = tostring(title), id = "", doctype = "<!DOCTYPE html>", html_open = "<html>", body_open = "<body>", head = {}, style = {},
      body = {},
    headers = { ["Content-Type"] = "text/html" }, status = 200,
  }, page)
end

local function formatted(format, ...)
  if select("#", ...) == 0 then return tostring(format) end
  return string.format(format, ...)
end

-- Adds to the head, as string.format does.
function page:addHeadContent(format, ...) self.head[#self.head + 1] = formatted(format, ...) end

-- Adds to the body, as string.format does.
function page:addContent(format, ...) self.body[#self.body + 1] = formatted(format, ...) end

local function attribute(name, value) return value ~= nil and value ~= "" and " " .. name .. '="' .. page.escape(value) .. '"' or "" end

local function row(tag, cells, class, cellClass)
  local parts = {}
  for _, cell in ipairs(cells) do
    parts[#parts + 1] = "<" .. tag .. attribute("class", cellClass) .. ">" .. tostring(cell) .. "</" .. tag .. ">"
  end
  return "<tr" .. attribute("class", class) .. ">" .. table.concat(parts) .. "</tr>"
end

-- The cells of a row: a list as it is; of a map those that the headers name, or each as `key = value`.
local function cells(each, headers)
  if type(each) ~= "table" then return { each } end
  if #each > 0 then return each end
  local list = {}
  if headers then
    for index, header in ipairs(headers) do list[index] = each[header] == nil and "" or each[header] end
  else
    for key, value in orderedPairs(each) do list[#list + 1] = tostring(key) .. " = " .. tostring(value) end
  end
  return list
end

-- Rows, which are lists, or maps whose cells follow `headers`, as a table. → HTML
function page:render_table(rows, id, class, headers, tr_class, th_class, td_class)
  local lines = { "<table" .. attribute("id", id) .. attribute("class", class) .. ">" }
  if headers then lines[#lines + 1] = row("th", headers, tr_class, th_class) end
  for _, each in ipairs(type(rows) == "table" and rows or {}) do lines[#lines + 1] = row("td", cells(each, headers), tr_class, td_class) end
  lines[#lines + 1] = "</table>"
  return table.concat(lines, "\n")
end

-- A list as <ul>, or <ol> where it is ordered; a map as <dl>. → HTML
function page:render_list(t, ordered, id, class, li_class, dt_class, dd_class)
  local isList, parts = type(t) == "table" and (#t > 0 or next(t) == nil), {}
  local tag = not isList and "dl" or ordered and "ol" or "ul"
  if isList then
    for _, item in ipairs(t) do parts[#parts + 1] = "<li" .. attribute("class", li_class) .. ">" .. tostring(item) .. "</li>" end
  else
    for key, value in orderedPairs(type(t) == "table" and t or {}) do
      parts[#parts + 1] = "<dt" .. attribute("class", dt_class) .. ">" .. tostring(key) .. "</dt>"
        .. "<dd" .. attribute("class", dd_class) .. ">" .. tostring(value) .. "</dd>"
    end
  end
  return "<" .. tag .. attribute("id", id) .. attribute("class", class) .. ">" .. table.concat(parts, "\n") .. "</" .. tag .. ">"
end

-- Adds what page:render_table makes.
function page:addTable(rows, id, class, headers, tr_class, th_class, td_class)
  self.body[#self.body + 1] = self:render_table(rows, id, class, headers, tr_class, th_class, td_class)
end

-- Adds what page:render_list makes.
function page:addList(t, ordered, id, class, li_class, dt_class, dd_class)
  self.body[#self.body + 1] = self:render_list(t, ordered, id, class, li_class, dt_class, dd_class)
end

local redirects = { [301] = true, [302] = true, [303] = true }

-- What a callback returns: success for 200, redirect(code, message) for 301 to 303, error for all else; the code is the
-- page's status unless given. → status, headers, text
function page:render(code, message, description)
  code = tonumber(code or self.status) or 500
  if code == 200 then return self:success() end
  if redirects[code] then return self:redirect(code, message) end
  return self:error(code, message, description)
end

-- The page. For text/html all of it, for text/xml the body behind a prolog, for other types the body. → status, headers,
-- text
function page:success()
  local contentType = tostring(native.headers(self.headers)["content-type"] or "text/html")
  local body = table.concat(self.body, "\n")
  if string.find(contentType, "text/xml", 1, true) then
    return self.status, self.headers, '<?xml version="1.0" encoding="UTF-8"?>\n' .. body
  end
  if not string.find(contentType, "text/html", 1, true) then return self.status, self.headers, body end
  local style = #self.style > 0 and "<style>\n" .. table.concat(self.style, "\n") .. "\n</style>\n" or ""
  return self.status, self.headers, table.concat({ self.doctype, self.html_open, "<head>",
    "<title>" .. page.escape(self.title) .. "</title>",
    style .. table.concat(self.head, "\n"), "</head>", self.body_open, body, "</body>", "</html>" }, "\n")
end

-- The page with code (500), message and description in place of its body. → status, headers, text
function page:error(code, message, description)
  self.status = tonumber(code) or 500
  self.body = { "<h1>" .. self.status .. " " .. page.escape(message or "") .. "</h1>" }
  if description ~= nil then self.body[2] = "<p>" .. page.escape(description) .. "</p>" end
  return self:success()
end

-- Sends the browser elsewhere, with 303 unless given. → status, headers, ""
function page:redirect(code, path) return tonumber(code) or 303, { Location = tostring(path or "/"), Connection = "close" }, "" end

return page
