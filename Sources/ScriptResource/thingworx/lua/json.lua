-- JSON text <-> Lua values. Arrays and objects are told apart by their keys; an empty table is an object unless it
-- was marked with json.array or read from an empty array. JSON's null is json.null.
local json = {}

-- Callable, because scripts write json.null() as well as json.null.
json.null = setmetatable({}, {
  __call = function(self) return self end,
  __tostring = function() return "null" end,
})

local arrays = {}

-- Infotables and data shapes are written as the tables that stand for them.
native.json_setup(json.null, arrays, function(object)
  return type(object.toTable) == "function" and object:toTable() or object
end)

-- Marks a table as an array, so that it is written as [] when it is empty; without one, makes one. → the table
function json.array(t)
  t = t or {}
  if getmetatable(t) == nil then setmetatable(t, arrays) end
  return t
end

-- A value as JSON. Functions in a table are left out, numbers that are none become null, bytes that are no UTF-8 become
-- U+FFFD, objects with `toTable` are written as what it returns. → text; raises an error for a function or the like,
-- and for tables nested deeper than 100.
function json.encode(v) return native.json_encode(v) end

-- The value of a JSON text; null is json.null. → value; raises an error that names line and byte where the text is no
-- JSON.
function json.decode(s) return native.json_decode(s) end

-- A text as a string of JSON, in its quotes. → text
function json.encodeString(s) return native.json_encode(tostring(s)) end

-- Whether a table is written as an array: its keys are just 1 to n, or it is marked as one. → boolean, n
function json.isArray(t)
  if getmetatable(t) == arrays then return true, #t end
  local n, count = #t, 0
  for k in pairs(t) do
    if type(k) ~= "number" then return false, n end
    count = count + 1
  end
  return count == n and n > 0, n
end

-- Whether json.encode takes a value of this kind. → boolean
function json.isEncodable(v)
  local kind = type(v)
  return kind == "nil" or kind == "boolean" or kind == "number" or kind == "string" or kind == "table"
end

return json
