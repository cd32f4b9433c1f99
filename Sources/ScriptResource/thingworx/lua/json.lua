-- JSON text <-> Lua values. A table whose keys are whole numbers from 1 on is an array, an empty one too; any other is an object.
-- null is nil: absent in objects, a hole in arrays.
local json = {}

-- Stands for null where it is to be written: as a value, or called. → itself
function json.null() return json.null end

local arrays, objects = {}, {}

-- Infotables and data shapes are written as the tables that stand for them.
native.json_setup(json.null, arrays, objects, function(object)
  return type(object.toTable) == "function" and object:toTable() or object
end)

-- Marks a table as an object, so that it is written as {} when it is empty; without one, makes one. → the table
function json.object(t)
  t = t or {}
  if getmetatable(t) == nil then setmetatable(t, objects) end
  return t
end

-- A value as JSON. Holes in arrays become null, keys that are numbers texts; functions in a table are left out, numbers that
-- are none become null, bytes that are no UTF-8 become U+FFFD, objects with `toTable` are written as what it returns. →
-- text; raises an error for a function or the like, and for tables nested deeper than 100.
function json.encode(v) return native.json_encode(v) end

-- The value of a JSON text; null is nil. Comments, strings in single quotes and superfluous commas are taken, and what
-- follows the value is not looked at. → value; raises an error that names line and byte where the text is no JSON.
function json.decode(s) return native.json_decode(s) end

-- A text as a string of JSON, in its quotes. → text
function json.encodeString(s) return native.json_encode(tostring(s)) end

-- Whether a table is written as an array. → boolean, its highest key
function json.isArray(t)
  local highest = 0
  for k in pairs(t) do
    if type(k) ~= "number" or k < 1 or k % 1 ~= 0 then return false, 0 end
    highest = math.max(highest, k)
  end
  return highest > 0 or getmetatable(t) ~= objects, highest
end

-- Whether json.encode takes a value of this kind. → boolean
function json.isEncodable(v)
  local kind = type(v)
  return v == json.null or kind == "nil" or kind == "boolean" or kind == "number" or kind == "string" or kind == "table"
end

return json
