-- More functions for tables; they are in `table` too.
local tablex = {}

local function keys(t)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  table.sort(list, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return tostring(a) < tostring(b)
  end)
  return list
end

-- pairs in the order of the keys. → iterator
function orderedPairs(t)
  local list, index = keys(t), 0
  return function()
    index = index + 1
    local key = list[index]
    if key ~= nil then return key, t[key] end
  end
end

-- With all tables within; one that is met twice stays one. → table
function tablex.fullCopy(t, seen)
  if type(t) ~= "table" then return t end
  seen = seen or {}
  if seen[t] then return seen[t] end
  local copy = {}
  seen[t] = copy
  for key, value in pairs(t) do copy[tablex.fullCopy(key, seen)] = tablex.fullCopy(value, seen) end
  return setmetatable(copy, getmetatable(t))
end

-- The first level alone. → table
function tablex.sparseCopy(t)
  local copy = {}
  for key, value in pairs(t) do copy[key] = value end
  return copy
end

-- → boolean
function tablex.containsKey(t, key) return t[key] ~= nil end

-- → boolean
function tablex.containsValue(t, value)
  for _, each in pairs(t) do if each == value then return true end end
  return false
end

-- { a = { b = 1 } } becomes { ["a.b"] = 1 }. → table
function tablex.toFlatTable(t, prefix, flat)
  flat = flat or {}
  for key, value in pairs(t) do
    local name = prefix and prefix .. "." .. tostring(key) or tostring(key)
    if type(value) == "table" then tablex.toFlatTable(value, name, flat) else flat[name] = value end
  end
  return flat
end

-- For people to read. → text
function tablex.toString(t, indent)
  if type(t) ~= "table" then return type(t) == "string" and string.format("%q", t) or tostring(t) end
  indent = indent or ""
  local lines = {}
  for key, value in orderedPairs(t) do
    lines[#lines + 1] = indent .. "  " .. tostring(key) .. " = " .. tablex.toString(value, indent .. "  ")
  end
  return #lines == 0 and "{}" or "{\n" .. table.concat(lines, ",\n") .. "\n" .. indent .. "}"
end

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&apos;" }
local function escaped(value) return (string.gsub(tostring(value), "[&<>\"']", escapes)) end

local function element(key)
  local name = string.gsub(tostring(key), "[^%w_.-]", "_")
  return string.match(name, "^[%a_]") and name or "_" .. name
end

-- Elements named after the keys, within `root` ("table"); list elements are `item`. → text
function tablex.toXml(t, root)
  local function content(value)
    if type(value) ~= "table" then return escaped(value) end
    local parts = {}
    for key, each in orderedPairs(value) do
      local name = type(key) == "number" and "item" or element(key)
      parts[#parts + 1] = "<" .. name .. ">" .. content(each) .. "</" .. name .. ">"
    end
    return table.concat(parts)
  end
  local name = element(root or "table")
  return "<" .. name .. ">" .. content(t) .. "</" .. name .. ">"
end

-- A list of rows as a table of HTML, anything else as one row a key. → text
function tablex.toHtml(t)
  local lines = { "<table>" }
  for key, value in orderedPairs(t) do
    local cells = {}
    if type(value) == "table" then
      for _, each in orderedPairs(value) do cells[#cells + 1] = "<td>" .. escaped(type(each) == "table" and tablex.toString(each) or each) .. "</td>" end
    else
      cells = { "<td>" .. escaped(key) .. "</td>", "<td>" .. escaped(value) .. "</td>" }
    end
    lines[#lines + 1] = "<tr>" .. table.concat(cells) .. "</tr>"
  end
  lines[#lines + 1] = "</table>"
  return table.concat(lines, "\n")
end

local function field(value)
  local text = tostring(value == nil and "" or value)
  return string.find(text, '[",\r\n]') and '"' .. string.gsub(text, '"', '""') .. '"' or text
end

-- A list of rows; their keys, in order, are the first line. → text
function tablex.toCsv(rows)
  local columns, known = {}, {}
  for _, row in ipairs(rows) do
    for key in pairs(row) do
      if not known[key] then
        known[key] = true
        columns[#columns + 1] = key
      end
    end
  end
  table.sort(columns, function(a, b) return tostring(a) < tostring(b) end)
  local lines = {}
  local function line(value)
    local cells = {}
    for index, column in ipairs(columns) do cells[index] = field(value(column)) end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  line(function(column) return column end)
  for _, row in ipairs(rows) do line(function(column) return row[column] end) end
  return table.concat(lines, "\n") .. "\n"
end

-- The rows of a text whose first line names the columns (RFC 4180). Values are texts. → list
function tablex.fromCsv(text)
  local records, record, value, quoted, position = {}, {}, "", false, 1
  text = string.gsub(text, "\r\n", "\n")
  if text ~= "" and string.sub(text, -1) ~= "\n" then text = text .. "\n" end
  while position <= #text do
    local character = string.sub(text, position, position)
    if quoted then
      if character ~= '"' then
        value = value .. character
      elseif string.sub(text, position + 1, position + 1) == '"' then
        value = value .. '"'
        position = position + 1
      else
        quoted = false
      end
    elseif character == '"' and value == "" then
      quoted = true
    elseif character == "," or character == "\n" then
      record[#record + 1] = value
      value = ""
      if character == "\n" then
        records[#records + 1] = record
        record = {}
      end
    else
      value = value .. character
    end
    position = position + 1
  end
  local rows = {}
  for index = 2, #records do
    local row = {}
    for column, name in ipairs(records[1]) do row[name] = records[index][column] end
    rows[#rows + 1] = row
  end
  return rows
end

-- The table as text of a content type: JSON, XML, HTML, CSV or plain. → text
function tablex.toContentTypeString(t, contentType)
  contentType = string.lower(contentType or "application/json")
  if string.find(contentType, "json", 1, true) then return json.encode(t) end
  if string.find(contentType, "xml", 1, true) then return tablex.toXml(t) end
  if string.find(contentType, "html", 1, true) then return tablex.toHtml(t) end
  if string.find(contentType, "csv", 1, true) then return tablex.toCsv(t) end
  return tablex.toString(t)
end

for name, f in pairs(tablex) do if table[name] == nil then table[name] = f end end
return tablex
