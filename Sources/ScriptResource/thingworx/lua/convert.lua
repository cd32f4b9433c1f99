-- Lua values <-> the base types of ThingWorx.
local json = native.load("json")
local convert = {}

local texts = { STRING = true, TEXT = true, HTML = true, XML = true, HYPERLINK = true, IMAGELINK = true, PASSWORD = true, GUID = true, TAGS = true }
local jsons = { JSON = true, QUERY = true, SCHEDULE = true }
local numbers = { NUMBER = true, INTEGER = true, LONG = true, DATETIME = true, TIMESPAN = true }

local function fail(value, baseType)
  local shown = type(value) == "table" and "a table" or tostring(value)
  return nil, "cannot convert " .. shown .. " to " .. baseType
end

local function boolean(value)
  if type(value) == "boolean" then return value end
  if type(value) == "number" then return value ~= 0 end
  if type(value) == "string" then
    local word = string.lower(value)
    return word == "true" or word == "1" or word == "on" or word == "yes"
  end
  return value ~= nil and value ~= json.null
end

local function fromText(value, baseType)
  if type(value) ~= "string" then return value end
  local ok, decoded = pcall(json.decode, value)
  if ok then return decoded end
  return fail(value, baseType)
end

-- The value as it stands in JSON for that base type, or nil and why not.
function convert.to(baseType, value)
  baseType = baseType and string.upper(baseType) or "STRING"
  if value == nil or value == json.null then return json.null end
  if type(value) == "table" and type(value.toTable) == "function" then value = value:toTable() end
  if baseType == "NOTHING" then return json.null end
  if baseType == "VARIANT" then return value end
  if baseType == "BOOLEAN" then return boolean(value) end
  if numbers[baseType] then
    if type(value) == "boolean" then value = value and 1 or 0 end
    local text = type(value) == "string" and string.match(value, "^%s*(.-)%s*$") or value
    local number = tonumber(text)
    if not number then
      -- A time may be said as ISO 8601 as well.
      if baseType == "DATETIME" and type(value) == "string" and string.match(value, "^%d%d%d%d%-%d%d%-%d%d") then return value end
      return fail(value, baseType)
    end
    if baseType ~= "NUMBER" and number % 1 ~= 0 then number = number >= 0 and math.floor(number + 0.5) or math.ceil(number - 0.5) end
    return number
  end
  if baseType == "LOCATION" or jsons[baseType] then
    local decoded, why = fromText(value, baseType)
    if decoded == nil then return nil, why end
    if type(decoded) ~= "table" and baseType == "LOCATION" then return fail(value, baseType) end
    return decoded
  end
  if baseType == "INFOTABLE" then
    local decoded, why = fromText(value, baseType)
    if decoded == nil then return nil, why end
    if type(decoded) ~= "table" then return fail(value, baseType) end
    if decoded.rows ~= nil and type(decoded.rows) ~= "table" then return nil, "rows: expected a list of rows, found " .. tostring(decoded.rows) end
    if decoded.rows == nil and decoded.dataShape == nil then decoded = { rows = json.array(json.isArray(decoded) and decoded or { decoded }) } end
    if decoded.rows then json.array(decoded.rows) end
    return decoded
  end
  if baseType == "IMAGE" or baseType == "BLOB" then return native.base64_encode(tostring(value)) end
  if type(value) == "table" then return json.encode(value) end
  return tostring(value)
end

-- What a request's JSON holds for that base type, as scripts see it.
function convert.from(baseType, value)
  baseType = baseType and string.upper(baseType) or "STRING"
  if value == json.null then return nil end
  if (baseType == "IMAGE" or baseType == "BLOB") and type(value) == "string" then return native.base64_decode(value) or value end
  if texts[baseType] and type(value) ~= "table" then return tostring(value) end
  if numbers[baseType] or baseType == "BOOLEAN" then
    local converted = convert.to(baseType, value)
    if converted ~= nil and converted ~= json.null then return converted end
  end
  return value
end

-- An infotable's table with its rows checked and completed by a data shape, or nil and what does not fit.
function convert.shaped(shape, value)
  local infotable = native.load("tw_infotable").createInfoTable(shape)
  for index, row in ipairs(value.rows or {}) do
    local ok, why = infotable:addRow(row)
    if not ok then return nil, "row " .. index .. ": " .. why end
  end
  return infotable:toTable()
end

-- An infotable of one field and one row.
function convert.single(name, baseType, value, description, aspects)
  return {
    dataShape = { fieldDefinitions = { [name] = {
      name = name, description = description or "", baseType = baseType, ordinal = 0, aspects = aspects or {} } } },
    rows = json.array({ { [name] = value } }),
  }
end

return convert
