-- Lua values <-> the base types of ThingWorx (lua-library.md, section 9.1).
local json = native.load("json")
local tw_utils = native.load("tw_utils")
local convert = {}

local texts = { STRING = true, TEXT = true, HTML = true, XML = true, HYPERLINK = true, IMAGELINK = true, PASSWORD = true, GUID = true,
  TAGS = true }
local jsons = { JSON = true, QUERY = true, SCHEDULE = true }
local numbers = { NUMBER = true, INTEGER = true, LONG = true, DATETIME = true, TIMESPAN = true }

-- The texts of values in messages are not longer than this.
local longestShown = 80

local function fail(value, baseType)
  local shown = type(value) == "table" and "a table" or tostring(value)
  if #shown > longestShown then shown = string.sub(shown, 1, longestShown) .. "…" end
  return nil, "cannot convert " .. shown .. " to " .. baseType
end

-- As tw_utils.toboolean; null is false too. → boolean
function convert.boolean(value) return value ~= json.null and tw_utils.toboolean(value) end

local function number(value, baseType)
  if type(value) == "boolean" then value = value and 1 or 0 end
  local found = tonumber(type(value) == "string" and string.match(value, "^%s*(.-)%s*$") or value)
  if not found then
    -- A time may be said as ISO 8601 as well.
    if baseType == "DATETIME" and type(value) == "string" and string.match(value, "^%d%d%d%d%-%d%d%-%d%d") then return value end
    return fail(value, baseType)
  end
  if baseType ~= "NUMBER" and found % 1 ~= 0 then found = found >= 0 and math.floor(found + 0.5) or math.ceil(found - 0.5) end
  return found
end

local function ofText(value)
  if type(value) ~= "string" then return value end
  local ok, decoded = pcall(json.decode, value)
  if ok then return decoded end
end

local function location(value, isResult)
  local decoded = ofText(value)
  if type(decoded) ~= "table" then
    if isResult then return fail(value, "LOCATION") end
    decoded = {}
  end
  if isResult then return decoded end
  return { latitude = tonumber(decoded.latitude) or 0, longitude = tonumber(decoded.longitude) or 0,
    elevation = tonumber(decoded.elevation) or 0,
    units = decoded.units }
end

local function infotable(value)
  local decoded = ofText(value)
  if type(decoded) ~= "table" then return fail(value, "INFOTABLE") end
  if decoded.rows ~= nil and type(decoded.rows) ~= "table" then
    return nil, "rows: expected a list of rows, found " .. tostring(decoded.rows)
  end
  if decoded.rows == nil and decoded.dataShape == nil then return { rows = json.isArray(decoded) and decoded or { decoded } } end
  return decoded
end

-- An image of a property is Base64, which commands print with a line end; 0, where there is none yet, is an empty one.
local function image(value, baseType)
  if value == nil or value == 0 then return "" end
  local text = string.gsub(tostring(value), "%s+", "")
  if text ~= "" and not native.base64_decode(text) then return fail(value, baseType) end
  return text
end

local function text(value, isResult)
  if type(value) == "table" then return json.encode(value) end
  if isResult and type(value) == "string" and string.match(value, '^".*"$') then
    local inner = ofText(value)
    if type(inner) == "string" then return inner end
  end
  return tostring(value)
end

-- The value as it stands in JSON for that base type, or nil and why not. `isResult`: of a service, whose images are bytes and whose
-- locations are none by default.
function convert.to(baseType, value, isResult)
  baseType = baseType and string.upper(baseType) or "STRING"
  if value == json.null then value = nil end
  if type(value) == "table" and type(value.toTable) == "function" then value = value:toTable() end
  if baseType == "NOTHING" then return json.null end
  if baseType == "BOOLEAN" then return convert.boolean(value) end
  if numbers[baseType] then return number(value, baseType) end
  if baseType == "LOCATION" then return location(value, isResult) end
  if baseType == "INFOTABLE" then return infotable(value) end
  if (baseType == "IMAGE" or baseType == "BLOB") and not isResult then return image(value, baseType) end
  if jsons[baseType] then
    if type(value) ~= "string" then return value == nil and json.null or value end
    local decoded = ofText(value)
    if decoded == nil then return fail(value, baseType) end
    return decoded
  end
  if baseType == "VARIANT" then return value == nil and json.null or value end
  if value == nil then return "" end
  if baseType == "IMAGE" then return native.base64_encode(text(value)) end
  return text(value, isResult)
end

-- What a request's JSON holds for that base type, as scripts see it.
function convert.from(baseType, value)
  baseType = baseType and string.upper(baseType) or "STRING"
  if value == json.null then return nil end
  if texts[baseType] and type(value) ~= "table" then return tostring(value) end
  if baseType == "BOOLEAN" then return convert.boolean(value) end
  if numbers[baseType] then
    local converted = number(value, baseType)
    if converted ~= nil then return converted end
  end
  return value
end

-- An infotable's table with its rows checked and completed by a data shape, or nil and what does not fit.
function convert.shaped(shape, value)
  local checked = native.load("tw_infotable").createInfoTable(shape)
  for index, row in ipairs(value.rows or {}) do
    local ok, why = checked:addRow(row)
    if not ok then return nil, "row " .. index .. ": " .. why end
  end
  return checked:toTable()
end

-- An infotable of one field and one row.
function convert.single(name, baseType, value, description, aspects)
  return {
    dataShape = { fieldDefinitions = { [name] = {
      name = name, description = description or "", baseType = baseType, ordinal = 0, aspects = json.object(aspects) } } },
    rows = { { [name] = value } },
  }
end

-- Milliseconds from 0001-01-01 to 1970-01-01: times from here on count from the former.
convert.epoch = 62135596800000

-- A property's time in ms since 1970, whichever of the two it counts from; nil for none.
function convert.time(time)
  time = tonumber(time)
  return time and time >= convert.epoch and time - convert.epoch or time
end

return convert
