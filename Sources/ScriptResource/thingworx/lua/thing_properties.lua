-- Reading and writing a Thing's properties for others.
local json = native.load("json")
local convert = native.load("convert")

local properties = {}

-- Reads through the property's handler; pt.value holds what came.
function properties.refresh(me, pt, headers, query)
  if pt.isInMemory then return 200 end
  local ok, code, why = xpcall(pt.handlerModule.read, debug.traceback, me, pt, headers, query)
  if not ok then
    pt.quality = "BAD"
    log.error(me.name, "handler %s, reading %s: %s", pt.handlerName, pt.name, code)
    return 500, "reading " .. pt.name .. " failed"
  end
  return code or 200, why
end

function properties.read(me, name, headers, query)
  if name == "upToDate" and not me.properties.upToDate then return 200, convert.single("upToDate", "BOOLEAN", me.upToDate) end
  local pt = me.properties[name]
  if not pt then return 404, me.name .. " has no property " .. name end
  local code, why = properties.refresh(me, pt, headers, query)
  if code ~= 200 then return code, why or "reading " .. name .. " failed" end
  local value
  value, why = convert.to(pt.baseType, pt.value)
  if value == nil then return 500, name .. ": " .. why end
  return 200, convert.single(name, pt.baseType, value, pt.description)
end

function properties.readAll(me, headers, query)
  local definitions, row = {}, {}
  for i, pt in ipairs(me.order) do
    properties.refresh(me, pt, headers, query)
    local value = convert.to(pt.baseType, pt.value)
    definitions[pt.name] = { name = pt.name, description = pt.description or "", baseType = pt.baseType, ordinal = i - 1, aspects = {} }
    row[pt.name] = value == nil and json.null or value
  end
  return 200, { dataShape = { fieldDefinitions = definitions }, rows = json.array({ row }) }
end

-- The new value in a body: { name = v }, { value = v }, or an infotable of either.
local function newValue(name, data)
  if type(data) ~= "table" then return nil end
  local row = data
  if data.rows and type(data.rows) == "table" and data.rows[1] ~= nil and data[name] == nil then
    row = data.rows[1]
    -- A table whose shape has no such field is itself the value.
    if type(row) ~= "table" or (row[name] == nil and row.value == nil) then return data end
  end
  if row[name] ~= nil then return row[name] end
  return row.value
end

function properties.write(me, name, headers, query, data)
  local pt = me.properties[name]
  if not pt then return 404, me.name .. " has no property " .. name end
  local value = newValue(name, data)
  if value == nil then return 400, "expected { \"" .. name .. "\": value } or { \"value\": value }" end
  local converted, why = convert.to(pt.baseType, convert.from(pt.baseType, value))
  if converted == nil then return 400, name .. ": " .. why end
  if pt.baseType == "INFOTABLE" and converted ~= json.null and type(pt.dataShape) == "string" and me.settings.useShapes ~= false then
    local shape = native.load("template").dataShape(pt.dataShape)
    if shape then converted, why = convert.shaped(shape, converted) end
    if converted == nil then return 400, name .. ": " .. why end
  end
  value = convert.from(pt.baseType, converted)
  local ok, code, text = xpcall(pt.handlerModule.write, debug.traceback, me, pt, headers, query, value)
  if not ok then
    log.error(me.name, "handler %s, writing %s: %s", pt.handlerName, name, code)
    return 500, "writing " .. name .. " failed"
  end
  native.load("thing_push").touch(me, pt)
  return code or 200, text
end

-- All or none where a name is unknown; values that do not fit end it where they stand.
function properties.writeSeveral(me, headers, query, data)
  local row = type(data.rows) == "table" and data.rows[1] or data
  if type(row) ~= "table" then return 400, "expected an object of properties" end
  for name in pairs(row) do
    if not me.properties[name] then return 404, me.name .. " has no property " .. tostring(name) end
  end
  for name, value in pairs(row) do
    local code, why = properties.write(me, name, headers, query, { value = value })
    if code ~= 200 then return code, why end
  end
  return 200
end

return properties
