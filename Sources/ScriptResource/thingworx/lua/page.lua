-- Builds a page of HTML for a callback to return.
local page = {}
page.__index = page

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
local function escaped(value) return (string.gsub(tostring(value), '[&<>"]', escapes)) end
page.escape = escaped

-- A page with a title. → page
function page.new(title) return setmetatable({ title = title or "", head = {}, body = {} }, page) end

-- Adds HTML to the head, as it is. → the page
function page:addHeadContent(html)
  self.head[#self.head + 1] = html
  return self
end

-- Adds HTML to the body, as it is. → the page
function page:addContent(html)
  self.body[#self.body + 1] = html
  return self
end

-- Rows of values; the first names the columns where `header` is true. Values are escaped. → the page
function page:addTable(rows, header)
  local lines = { "<table>" }
  for index, row in ipairs(rows) do
    local tag, cells = (header and index == 1) and "th" or "td", {}
    for column, value in ipairs(row) do cells[column] = "<" .. tag .. ">" .. escaped(value) .. "</" .. tag .. ">" end
    lines[#lines + 1] = "<tr>" .. table.concat(cells) .. "</tr>"
  end
  return self:addContent(table.concat(lines, "\n") .. "\n</table>")
end

-- A list of values, escaped. → the page
function page:addList(items)
  local lines = {}
  for index, item in ipairs(items) do lines[index] = "<li>" .. escaped(item) .. "</li>" end
  return self:addContent("<ul>" .. table.concat(lines) .. "</ul>")
end

-- → the page as HTML
function page:render()
  return "<!doctype html><html><head><meta charset=\"utf-8\"><title>" .. escaped(self.title) .. "</title>" .. table.concat(self.head)
    .. "</head><body>" .. table.concat(self.body, "\n") .. "</body></html>"
end

local function answer(code, p) return code, tw_utils.RESP_HEADERS("text/html; charset=utf-8"), p:render() end

-- What a callback returns. → 200, headers, HTML
function page:success() return answer(200, self) end

-- A page that says what went wrong. → the status (500), headers, HTML
function page.error(code, text) return answer(code or 500, page.new("Error"):addContent("<h1>Error</h1><p>" .. escaped(text or "") .. "</p>")) end

-- Sends the browser elsewhere. → 302, headers, ""
function page.redirect(target) return 302, tw_utils.RESP_HEADERS("text/html", { Location = target }), "" end

return page
