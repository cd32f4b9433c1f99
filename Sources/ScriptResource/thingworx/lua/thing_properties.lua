-- Reading and writing a Thing's properties for others.
local json = native.load("json")
local convert = native.load("convert")

local properties = {}

-- How a property was declared, whatever a subscription made of it.
function properties.declared(pt, key)
  local kept = native.state.asDeclared
  local value = kept and kept[key] and kept[key][pt.name]
  return value == nil and pt[key] or value
end

-- Fields that most properties share (thing_load.lua).
local shared = { "dataChangeType", "dataChangeThreshold", "cacheTime" }

-- A copy of the template's definition with its defaults, made when it is first looked at.
function properties.keepInit(pt)
  local init = {}
  for key, value in pairs(pt) do
    if type(value) ~= "function" and key ~= "handlerModule" and key ~= "prev" and key ~= "next" then
      init[key] = native.load("tablex").fullCopy(value)
    end
  end
  for _, key in ipairs(shared) do init[key] = pt[key] end
  for _, key in ipairs({ "pushType", "pushThreshold" }) do init[key] = properties.declared(pt, key) end
  rawset(pt, "init", init)
  return init
end

-- A value that was written to a property in memory takes its place.
function properties.takeNext(pt)
  local next = rawget(pt, "next")
  if not next then return end
  pt.value, pt.time, pt.quality, pt.next = next.value, next.time, next.quality, nil
end

-- What was there before a read.
local function remember(pt)
  local value = pt.value
  if pt.baseType == "LOCATION" and type(value) == "table" then
    value = { latitude = value.latitude, longitude = value.longitude, elevation = value.elevation, units = value.units }
  end
  pt.prev = { value = value, time = pt.time, quality = pt.quality }
end

-- Reads through the property's handler; pt.value holds what came. → 200, or another status and why
function properties.refresh(thing, pt, headers, query)
  remember(pt)
  if pt.isInMemory then
    properties.takeNext(pt)
  else
    local module = pt.handlerModule
    local ok, code, why = xpcall(module.read, debug.traceback, thing.me, pt, headers, query, pt.handlerScript)
    if not ok then
      log.error(thing.name, "handler %s, reading %s: %s", tostring(pt.handler), pt.name, tostring(code))
      return 500, string.match(tostring(code), "^(.-)\nstack traceback") or tostring(code)
    end
    if code ~= 200 then
      log.error(thing.name, "handler %s, reading %s: %s %s", tostring(pt.handler), pt.name, tostring(code or "nothing returned"),
        tostring(why or ""))
      return tonumber(code) or 500, why ~= nil and tostring(why) or "reading " .. pt.name .. " failed"
    end
  end
  if pt.baseType == "BOOLEAN" then pt.value = convert.boolean(pt.value) end
  return 200
end

-- One row with two fields: the property's value, and its time.
function properties.infotable(pt)
  local value, why = convert.to(pt.baseType, pt.value)
  if value == nil then return nil, why end
  local aspects = pt.baseType == "INFOTABLE" and type(pt.dataShape) == "string" and { dataShape = pt.dataShape } or nil
  local table_ = convert.single(pt.name, pt.baseType, value, pt.description, aspects)
  table_.dataShape.fieldDefinitions.time = { name = "time", description = "", baseType = "DATETIME", ordinal = 1, aspects = json.object() }
  if pt.name ~= "time" then table_.rows[1].time = convert.time(pt.time) end
  return table_
end

function properties.read(thing, pt, headers, query)
  local code, why = properties.refresh(thing, pt, headers, query)
  if code ~= 200 then return code, why end
  local answer
  answer, why = properties.infotable(pt)
  if answer == nil then return 500, pt.name .. ": " .. why end
  return 200, answer
end

-- The values of all, read through their handlers, in one row.
function properties.readAll(thing, headers, query)
  local definitions, row = {}, {}
  for i, pt in ipairs(thing.order) do
    if not properties.isPrivate(pt) then
      properties.refresh(thing, pt, headers, query)
      definitions[pt.name] = { name = pt.name, description = pt.description or "", baseType = pt.baseType, ordinal = i - 1,
        aspects = json.object() }
      row[pt.name] = convert.to(pt.baseType, pt.value)
    end
  end
  return 200, { dataShape = { fieldDefinitions = definitions }, rows = { json.object(row) } }
end

function properties.isPrivate(pt) return pt.private == true or pt.private == "true" end

-- Fields that are the library's own.
local internal = { handlerModule = true, isInMemory = true, lastPushed = true, lastQuality = true, lastTime = true, lastSent = true,
  unpushable = true,
  handlerScript = true, init = true }

-- All as they are: name -> fields that are no functions.
function properties.all(thing)
  local all = {}
  for name, pt in pairs(thing.properties) do
    local fields = {}
    for key, value in pairs(pt) do if not internal[key] and type(value) ~= "function" then fields[key] = value end end
    for _, key in ipairs(shared) do fields[key] = pt[key] end
    all[name] = fields
  end
  return json.object(all)
end

-- The new value in data: { <name> = v }, { value = v }, or an infotable of the former.
local function newValue(pt, data)
  local row = type(data.rows) == "table" and data.rows[1]
  if type(row) == "table" and row[pt.name] ~= nil then return row[pt.name] end
  if data[pt.name] ~= nil then return data[pt.name] end
  if data.value ~= nil then return data.value end
  -- An infotable whose shape has no such field is itself the value.
  if pt.baseType == "INFOTABLE" and type(data.rows) == "table" then return data end
end

-- The value as the property's handler gets it, or nil and why it does not fit.
local function fitting(thing, pt, value)
  if pt.baseType == "IMAGE" or pt.baseType == "BLOB" then return value end
  local converted, why = convert.to(pt.baseType, convert.from(pt.baseType, value))
  if converted == nil then return nil, why end
  if pt.baseType == "INFOTABLE" and converted ~= json.null and type(pt.dataShape) == "string" and thing.useShapes then
    local shape = DataShape[pt.dataShape]
    if shape then return convert.shaped(shape, converted) end
  end
  return converted
end

function properties.write(thing, pt, headers, query, data)
  local name = pt.name
  local value = newValue(pt, data)
  if value == nil then return 400, "expected { \"" .. name .. "\": value } or { \"value\": value }" end
  local fits, why = fitting(thing, pt, value)
  if fits == nil then return 400, name .. ": " .. why end
  if data.rows ~= nil and data.dataShape ~= nil then data.rows, data.dataShape = nil, nil end
  data.value, data[name] = fits, fits
  local ok, code, text = xpcall(pt.handlerModule.write, debug.traceback, thing.me, pt, headers, query, data, pt.handlerScript)
  if not ok then
    log.error(thing.name, "handler %s, writing %s: %s", tostring(pt.handler), name, tostring(code))
    return 500, string.match(tostring(code), "^(.-)\nstack traceback") or tostring(code)
  end
  code = tonumber(code) or 500
  if code == 200 then native.load("thing_push").touch(thing, pt) end
  return code, text ~= nil and tostring(text) or code ~= 200 and "writing " .. name .. " failed" or nil
end

-- All or none where a name is unknown; values that do not fit end it where they stand.
function properties.writeSeveral(thing, headers, query, data)
  local row = type(data.rows) == "table" and data.rows[1] or data
  if type(row) ~= "table" then return 400, "expected an object of properties" end
  for name in pairs(row) do
    if not thing.properties[name] then return 404, thing.name .. " has no property " .. tostring(name) end
  end
  for name, value in pairs(row) do
    local code, why = properties.write(thing, thing.properties[name], headers, query, { value = value })
    if code ~= 200 then return code, why end
  end
  return 200
end

return properties
