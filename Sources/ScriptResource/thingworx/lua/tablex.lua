-- More functions for tables; they are in `table` too.
local tablex = {}

local function before(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
  return tostring(a) < tostring(b)
end

local function keys(t, f)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  table.sort(list, f or before)
  return list
end

-- pairs in the order of the keys, ascending, or as f(a, b) says that a comes first. → iterator
function orderedPairs(t, f)
  local list, index = keys(t, f), 0
  return function()
    index = index + 1
    local key = list[index]
    if key ~= nil then return key, t[key] end
  end
end

-- With all tables within, keys too; one that is met twice stays one. Metatables are not kept. → table
function tablex.fullCopy(t, seen)
  if type(t) ~= "table" then return t end
  seen = seen or {}
  if seen[t] then return seen[t] end
  local copy = {}
  seen[t] = copy
  for key, value in pairs(t) do copy[tablex.fullCopy(key, seen)] = tablex.fullCopy(value, seen) end
  return copy
end

-- One branch alone: the keys on the way to it, numeric texts as numbers where the table has those. → table, type of the leaf
-- ("nil" where there is none); nil where one of both is no table
function tablex.sparseCopy(t, branch)
  if type(t) ~= "table" or type(branch) ~= "table" then return nil end
  local copy = {}
  local from, to = t, copy
  for index, key in ipairs(branch) do
    if type(from) ~= "table" then return copy, "nil" end
    if from[key] == nil and tonumber(key) then key = tonumber(key) end
    local value = from[key]
    if index == #branch or type(value) ~= "table" then
      to[key] = tablex.fullCopy(value)
      return copy, index == #branch and type(value) or "nil"
    end
    to[key] = {}
    from, to = value, to[key]
  end
  return tablex.fullCopy(t), "table"
end

-- → the table where it has the key, else nil
function tablex.containsKey(t, key) return type(t) == "table" and t[key] ~= nil and t or nil end

-- → the table where it has the value, else nil
function tablex.containsValue(t, value)
  if type(t) ~= "table" then return nil end
  for _, each in pairs(t) do if each == value then return t end end
  return nil
end

-- Tables that hold themselves, or the same tables over and over, end here.
local deepest, most = 100, 200000

-- { a = { b = 1 } } becomes { ["a.b"] = 1 }, in `out` where it is given; what is no scalar stands under ERROR. → table
function tablex.toFlatTable(t, out, prefix)
  if type(out) ~= "table" or out == t then out = {} end
  local count = 0
  local function add(t, prefix, depth)
    count = count + 1
    if depth > deepest or count > most then
      out.ERROR = "tables that are nested too deep, or too many"
      return
    end
    for key, value in pairs(t) do
      local name = prefix and prefix ~= "" and tostring(prefix) .. "." .. tostring(key) or tostring(key)
      local kind = type(value)
      if kind == "table" then add(value, name, depth + 1)
      elseif kind == "string" or kind == "number" or kind == "boolean" then out[name] = value
      else out.ERROR = name .. ": a " .. kind end
      if count > most then return end
    end
  end
  if type(t) == "table" then add(t, prefix, 0) else out.ERROR = "expected a table, found " .. type(t) end
  return out
end

local function descending(t) return keys(t, function(a, b) return before(b, a) end) end

local function quoted(text, delimiter)
  text = tostring(text)
  if not string.find(text, delimiter, 1, true) and not string.find(text, '"', 1, true) then return text end
  return '"' .. string.gsub(text, '"', '""') .. '"'
end

local function option(query, name)
  if type(query) == "table" then return query[name] end
end

-- Lines of key=value of the flat table, descending by key; query.delim (=) stands between. → text
function tablex.toString(t, prefix, query)
  local flat, delimiter, lines = tablex.toFlatTable(t, nil, prefix), tostring(option(query, "delim") or "="), {}
  for _, key in ipairs(descending(flat)) do lines[#lines + 1] = quoted(key, delimiter) .. delimiter .. quoted(flat[key], delimiter) end
  return table.concat(lines, "\n") .. (#lines > 0 and "\n" or "")
end

-- The flat table as one row, descending by key, with a comma behind each value; a row of keys before it where query.headers
-- is true. → text
function tablex.toCsv(t, prefix, query)
  local flat, names, values = tablex.toFlatTable(t, nil, prefix), {}, {}
  for _, key in ipairs(descending(flat)) do
    names[#names + 1] = quoted(key, ",") .. ","
    values[#values + 1] = quoted(flat[key], ",") .. ","
  end
  local headers = option(query, "headers")
  local row = table.concat(values) .. "\n"
  return (headers == true or headers == "true") and table.concat(names) .. "\n" .. row or row
end

local function isList(t) return #t > 0 end

-- Elements named after the keys, in their order, within `root` ("root"); the elements of a list are named as the list, with
-- their number as attribute id. Texts go in as they are. → text
function tablex.toXml(root, t, indent)
  if type(indent) == "number" then indent = string.rep(" ", math.min(math.max(indent, 0), deepest)) end
  indent = type(indent) == "string" and indent or ""
  local parts, count = {}, 0
  local function add(name, t, indent, depth, id)
    count = count + 1
    if depth > deepest or count > most then return end
    name = tostring(name)
    local opening = indent .. "<" .. name .. (id and ' id="' .. id .. '"' or "") .. ">"
    if type(t) ~= "table" then
      parts[#parts + 1] = opening .. tostring(t == nil and "" or t) .. "</" .. name .. ">\n"
    elseif isList(t) then
      for number, each in ipairs(t) do add(name, each, indent, depth + 1, number) end
    else
      parts[#parts + 1] = opening .. "\n"
      for key, each in orderedPairs(t) do add(key, each, indent .. "  ", depth + 1) end
      parts[#parts + 1] = indent .. "</" .. name .. ">\n"
    end
  end
  add(root or "root", t, indent, 0)
  return table.concat(parts)
end

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
local function escaped(value) return (string.gsub(tostring(value), '[&<>"]', escapes)) end

-- A table of HTML of class palantiriTable, a row a key; tables within are links to root/key. → text
function tablex.toHtml(t, root)
  local lines = { '<table class="palantiriTable">' }
  for key, value in orderedPairs(type(t) == "table" and t or {}) do
    local shown = escaped(value)
    if type(value) == "table" then
      local link = escaped((root and tostring(root) .. "/" or "") .. tostring(key))
      shown = '<a href="' .. link .. '">' .. escaped(key) .. "</a>"
    end
    lines[#lines + 1] = "<tr><td>" .. escaped(key) .. "</td><td>" .. shown .. "</td></tr>"
  end
  lines[#lines + 1] = "</table>"
  return table.concat(lines, "\n")
end

local writers = {
  ["application/json"] = function(t) return json.encode(t) end,
  ["text/html"] = function(t, _, _, root) return tablex.toHtml(t, root) end,
  ["text/csv"] = function(t, query, prefix) return tablex.toCsv(t, prefix, query) end,
  ["text/x-lua-table"] = function(t) return tw_utils.serializeTable(t) end,
  ["text/xml"] = function(t, _, prefix) return '<?xml version="1.0" encoding="UTF-8"?>\n' .. tablex.toXml(prefix, t) end,
}
writers["application/xml"] = writers["text/xml"]

-- The table as text/xml, application/xml, text/html, text/csv, text/x-lua-table or application/json, else as toString.
-- → text
function tablex.toContentTypeString(t, contentType, query, prefix, link_root)
  local kind = string.match(string.lower(tostring(contentType or "")), "^[^;%s]*")
  local writer = writers[kind]
  if writer then return writer(t, query, prefix, link_root) end
  return tablex.toString(t, prefix, query)
end

-- Rows of fields; quotes may hold commas, line ends, and quotes twice.
local function records(text)
  local all, record, at = {}, {}, 1
  text = string.gsub(text, "\r\n?", "\n")
  while at <= #text do
    local value
    if string.sub(text, at, at) == '"' then
      local parts = {}
      at = at + 1
      while true do
        local part, close = string.match(text, '^([^"]*)("?)', at)
        parts[#parts + 1] = part
        at = at + #part + #close
        if close == "" or string.sub(text, at, at) ~= '"' then break end
        parts[#parts + 1] = '"'
        at = at + 1
      end
      local rest = string.match(text, "^[^,\n]*", at)
      value, at = table.concat(parts) .. rest, at + #rest
    else
      value = string.match(text, "^[^,\n]*", at)
      at = at + #value
    end
    record[#record + 1] = value
    local separator = string.sub(text, at, at)
    at = at + 1
    if separator ~= "," then
      if #record > 1 or record[1] ~= "" then all[#all + 1] = record end
      record = {}
    elseif at > #text then
      record[#record + 1] = ""
    end
  end
  if #record > 0 then all[#all + 1] = record end
  return all
end

-- The rows of a text, fields by their number; with headerRow true the first row names the fields and is left out. useName is
-- the number of the column whose values are the keys of the rows. Empty lines are passed over. → list or map of rows; nil
-- for what is no text
function tablex.fromCsv(csv, useName, headerRow)
  if type(csv) ~= "string" then return nil end
  local all, rows = records(csv), {}
  local names = (headerRow == true or headerRow == "true") and table.remove(all, 1) or nil
  for _, record in ipairs(all) do
    local row = {}
    for column, value in ipairs(record) do row[names and names[column] or column] = value end
    local key = useName and record[tonumber(useName)]
    if key ~= nil then rows[key] = row else rows[#rows + 1] = row end
  end
  return rows
end

for name, f in pairs(tablex) do if rawget(table, name) == nil then table[name] = f end end
return tablex
