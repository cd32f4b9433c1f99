-- Makes a Thing of its settings and its template. Runs once.
local json = native.load("json")
local template = native.load("template")
local inmemory = require("handlers.inmemory")

local pushTypes = { ALWAYS = "ALWAYS", VALUE = "VALUE", NEVER = "NEVER", ON = "VALUE", OFF = "VALUE", DEADBAND = "VALUE" }

-- The values of properties that have none; texts where a base type is not here.
local simple = { NUMBER = 0, INTEGER = 0, LONG = 0, DATETIME = 0, TIMESPAN = 0, BOOLEAN = false }
local fresh = {
  LOCATION = function() return { latitude = 0, longitude = 0, elevation = 0 } end,
  INFOTABLE = function(shape) return { dataShape = shape and shape:toTable() or { fieldDefinitions = {} }, rows = json.array() } end,
  JSON = function() return {} end, QUERY = function() return {} end, SCHEDULE = function() return {} end,
}
local texts = { STRING = true, TEXT = true, HTML = true, XML = true, HYPERLINK = true, IMAGELINK = true, PASSWORD = true, GUID = true, TAGS = true, IMAGE = true,
  BLOB = true, VARIANT = true, NOTHING = true }

local function default(baseType, shape)
  if fresh[baseType] then return fresh[baseType](shape) end
  if simple[baseType] ~= nil then return simple[baseType] end
  return ""
end

-- PROPERTYNAME, THINGNAME and their like are texts too.
local function isBaseType(name) return simple[name] ~= nil or fresh[name] ~= nil or texts[name] ~= nil or string.find(name, "NAME$") ~= nil end

-- From here on a Thing's scan is worth compiling.
local manyProperties = 100

local function initProperty(me, name, pt)
  if type(pt) ~= "table" then error("properties." .. name .. ": expected a table, found " .. type(pt), 0) end
  pt.name = name
  pt.baseType = string.upper(pt.baseType or pt.basetype or "STRING")
  if not isBaseType(pt.baseType) then
    log.warn(me.name, "properties.%s.baseType: %s is not known and taken for a text", name, pt.baseType)
  end
  local pushType = string.upper(tostring(pt.pushType or pt.dataChangeType or me.settings.defaultPushType))
  if not pushTypes[pushType] then error("properties." .. name .. ".pushType: expected ALWAYS, VALUE or NEVER, found " .. pushType, 0) end
  pt.pushType = pushTypes[pushType]
  pt.pushThreshold = tonumber(pt.pushThreshold or pt.threshold or pt.dataChangeThreshold)
  pt.scanRate = tonumber(pt.scanRate or pt.scanrate) or me.settings.scanRate
  pt.nextScan = 0
  if pt.pushType == "NEVER" and pt.cacheTime == nil then pt.cacheTime = -1 end
  pt.time = pt.time or native.now()
  local shape = type(pt.dataShape) == "string" and template.dataShape(pt.dataShape) or nil
  if pt.value == nil then pt.value = default(pt.baseType, shape) end
  if pt.handler and pt.handler ~= "inmemory" then
    pt.quality = pt.quality or "UNKNOWN"
    pt.handlerName = pt.handler
    pt.handlerModule = native.load("handler").get(pt.handler)
  else
    pt.isInMemory = true
    pt.quality = pt.quality or "GOOD"
  end
  if getmetatable(pt) == nil then setmetatable(pt, me.propertyDefaults) end
  if pt.scanRate <= me.settings.scanRateResolution then
    log.warn(me.name, "properties.%s.scanRate %d is not longer than scanRateResolution %d", name, pt.scanRate, me.settings.scanRateResolution)
  end
end

return function(settings)
  local me = setmetatable({
    name = settings.name, identifier = settings.identifier, settings = settings,
    edgeName = settings.identifier and "*" .. settings.identifier or settings.name,
    properties = {}, services = {}, tasks = {}, serviceDefinitions = {}, order = {}, waiting = { first = 1, last = 0 },
    registered = false, upToDate = true, nextDue = 0, listeners = { start = {}, stop = {} },
    -- What most properties have in common is not kept in each of them.
    propertyDefaults = { __index = {
      pushThreshold = 0, dataChangeType = "VALUE", dataChangeThreshold = 0, cacheTime = 0, handlerName = "inmemory", handlerModule = inmemory == true and package.loaded["handlers.inmemory"] or inmemory,
    } },
  }, native.load("thing"))
  for _, key in ipairs({ "scanRate", "taskRate" }) do
    if settings.scanRateResolution >= settings[key] then
      error(string.format("%s: scanRateResolution (%d) must be less than %s (%d)", me.name, settings.scanRateResolution, key, settings[key]), 0)
    end
  end
  template.begin(me)
  require("templates." .. settings.template)
  if not me.template then
    error("templates/" .. settings.template .. ".lua: expected module(\"templates." .. settings.template .. "\", thingworx.template.extend) at its start", 0)
  end
  template.mergeShapes(me)
  for _, name in ipairs({ "GetMetadata", "NotifyPropertyUpdate", "GetPropertySubscriptions" }) do
    me.services[name] = me.services[name] or function(...) return native.load("thing_services").builtIn[name].f(...) end
  end
  if not me.tasks.UpdatePropertyMap then me.tasks.UpdatePropertyMap = function() end end
  for name, pt in pairs(me.properties) do
    initProperty(me, name, pt)
    me.order[#me.order + 1] = pt
  end
  table.sort(me.order, function(a, b) return a.name < b.name end)
  if native.config.values then native.once("thing_values").restore(me, native.config.values) end
  local push = native.load("thing_push")
  push.sort(me)
  if #me.order >= manyProperties then
    for _, f in ipairs({ push.scanHere, push.differs }) do require("jit").on(f) end
  end
  return me
end
