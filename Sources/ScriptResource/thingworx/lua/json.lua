-- JSON text <-> Lua values. Arrays and objects are told apart by their keys; an empty table is an object unless it
-- was marked with json.array. JSON's null is json.null.
local json = {}

local floor, huge, match, gsub, byte, char, format, sub, find =
  math.floor, math.huge, string.match, string.gsub, string.byte, string.char, string.format, string.sub, string.find
local concat = table.concat

local arrays = setmetatable({}, { __mode = "k" })

-- Callable, because scripts write json.null() as well as json.null.
json.null = setmetatable({}, {
  __call = function(self) return self end,
  __tostring = function() return "null" end,
})

-- Marks a table as an array, so that it is written as [] when it is empty.
function json.array(t)
  t = t or {}
  arrays[t] = true
  return t
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(c) return escapes[c] or format("\\u%04x", byte(c)) end

function json.encodeString(s) return '"' .. gsub(s, '[%c"\\]', escape) .. '"' end

-- Whether the table's keys are just 1..n. Returns n as well.
function json.isArray(t)
  if arrays[t] then return true, #t end
  local n = #t
  local count = 0
  for k in pairs(t) do
    if type(k) ~= "number" then return false, n end
    count = count + 1
  end
  return count == n and n > 0, n
end

function json.isEncodable(v)
  local kind = type(v)
  return kind == "nil" or kind == "boolean" or kind == "number" or kind == "string" or kind == "table" or v == json.null
end

local function number(n)
  if n ~= n or n == huge or n == -huge then return "null" end
  if n == floor(n) and n > -1e15 and n < 1e15 then return format("%d", n) end
  -- The shorter form where it reads back as the same number.
  local short = format("%.15g", n)
  return tonumber(short) == n and short or format("%.17g", n)
end

local encodeValue

local function encodeTable(t, out, depth)
  if depth > 100 then error("json.encode: tables nested deeper than 100", 0) end
  if type(t.toTable) == "function" then t = t:toTable() end
  local isArray, n = json.isArray(t)
  if isArray then
    out[#out + 1] = "["
    for i = 1, n do
      if i > 1 then out[#out + 1] = "," end
      encodeValue(t[i], out, depth + 1)
    end
    out[#out + 1] = "]"
    return
  end
  out[#out + 1] = "{"
  local first = true
  for k, v in pairs(t) do
    local kind = type(v)
    if kind ~= "function" and kind ~= "userdata" and kind ~= "thread" then
      if not first then out[#out + 1] = "," end
      first = false
      out[#out + 1] = json.encodeString(tostring(k))
      out[#out + 1] = ":"
      encodeValue(v, out, depth + 1)
    end
  end
  out[#out + 1] = "}"
end

encodeValue = function(v, out, depth)
  local kind = type(v)
  if v == nil or v == json.null then
    out[#out + 1] = "null"
  elseif kind == "table" then
    encodeTable(v, out, depth)
  elseif kind == "string" then
    out[#out + 1] = json.encodeString(v)
  elseif kind == "number" then
    out[#out + 1] = number(v)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(v)
  else
    error("json.encode: a " .. kind .. " cannot be written as JSON", 0)
  end
end

function json.encode(v)
  local out = {}
  encodeValue(v, out, 0)
  return concat(out)
end

local function fail(s, i, what)
  local _, line = gsub(sub(s, 1, i), "\n", "")
  error(format("json.decode: line %d, byte %d: expected %s", line + 1, i, what), 0)
end

local unescapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function utf8(code)
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 0x40), 0x80 + code % 0x40) end
  if code < 0x10000 then return char(0xE0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40) end
  return char(0xF0 + floor(code / 0x40000), 0x80 + floor(code / 0x1000) % 0x40, 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

local function decodeString(s, i)
  local stop = find(s, '["\\%c]', i)
  if stop and byte(s, stop) == 34 then return sub(s, i, stop - 1), stop + 1 end
  local parts = {}
  while true do
    stop = find(s, '["\\%c]', i)
    if not stop then fail(s, #s, "the end of a string") end
    parts[#parts + 1] = sub(s, i, stop - 1)
    local c = sub(s, stop, stop)
    if c == '"' then return concat(parts), stop + 1 end
    if c ~= "\\" then
      -- Lenient: a control character that should have been escaped stands for itself.
      parts[#parts + 1] = c
      i = stop + 1
    else
      local e = sub(s, stop + 1, stop + 1)
      if e == "u" then
        local code = tonumber(match(s, "^%x%x%x%x", stop + 2) or fail(s, stop, "four hexadecimal digits"), 16)
        i = stop + 6
        if code >= 0xD800 and code < 0xDC00 then
          local low = match(s, "^\\u([dD][c-fC-F]%x%x)", i)
          if low then
            code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
            i = i + 6
          end
        end
        parts[#parts + 1] = utf8(code)
      else
        parts[#parts + 1] = unescapes[e] or fail(s, stop, "an escape")
        i = stop + 2
      end
    end
  end
end

local decodeValue

local function skip(s, i) return find(s, "[^ \t\r\n]", i) or #s + 1 end

local function decodeArray(s, i, depth)
  local t, n = json.array(), 0
  i = skip(s, i)
  if byte(s, i) == 93 then return t, i + 1 end
  while true do
    n = n + 1
    t[n], i = decodeValue(s, i, depth)
    i = skip(s, i)
    local c = byte(s, i)
    if c == 93 then return t, i + 1 end
    if c ~= 44 then fail(s, i, "',' or ']'") end
    i = i + 1
  end
end

local function decodeObject(s, i, depth)
  local t = {}
  i = skip(s, i)
  if byte(s, i) == 125 then return t, i + 1 end
  while true do
    i = skip(s, i)
    if byte(s, i) ~= 34 then fail(s, i, "a member's name") end
    local key
    key, i = decodeString(s, i + 1)
    i = skip(s, i)
    if byte(s, i) ~= 58 then fail(s, i, "':'") end
    t[key], i = decodeValue(s, i + 1, depth)
    i = skip(s, i)
    local c = byte(s, i)
    if c == 125 then return t, i + 1 end
    if c ~= 44 then fail(s, i, "',' or '}'") end
    i = i + 1
  end
end

decodeValue = function(s, i, depth)
  if depth > 100 then fail(s, i, "less than 100 levels") end
  i = skip(s, i)
  local c = byte(s, i)
  if c == 123 then return decodeObject(s, i + 1, depth + 1) end
  if c == 91 then return decodeArray(s, i + 1, depth + 1) end
  if c == 34 then return decodeString(s, i + 1) end
  if sub(s, i, i + 3) == "true" then return true, i + 4 end
  if sub(s, i, i + 4) == "false" then return false, i + 5 end
  if sub(s, i, i + 3) == "null" then return json.null, i + 4 end
  local text = match(s, "^-?%d+%.?%d*[eE]?[+-]?%d*", i)
  local n = text and tonumber(text)
  if not n then fail(s, i, "a value") end
  return n, i + #text
end

-- Raises an error that names line and byte where the text is no JSON.
function json.decode(s)
  if type(s) ~= "string" then error("json.decode: expected a string, found " .. type(s), 0) end
  local value, i = decodeValue(s, 1, 0)
  i = skip(s, i)
  if i <= #s then fail(s, i, "the end of the text") end
  return value
end

return json
