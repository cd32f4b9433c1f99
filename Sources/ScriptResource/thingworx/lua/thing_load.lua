-- Makes a Thing of its settings and its template. Runs once.
local json = native.load("json")
local template = native.load("template")
local inmemory = require("handlers.inmemory")

local pushTypes = { ALWAYS = "ALWAYS", VALUE = "VALUE", NEVER = "NEVER", ON = "VALUE", OFF = "VALUE", DEADBAND = "VALUE" }

local known = {}
for name in string.gmatch("NUMBER INTEGER LONG DATETIME TIMESPAN BOOLEAN LOCATION INFOTABLE JSON QUERY SCHEDULE STRING TEXT HTML XML "
  .. "HYPERLINK IMAGELINK PASSWORD GUID TAGS IMAGE BLOB VARIANT NOTHING", "%u+") do known[name] = true end

-- PROPERTYNAME, THINGNAME and their like are texts too.
local function isBaseType(name) return known[name] or string.find(name, "NAME$") ~= nil end

-- The value of a property that has none (lua-library.md, section 5.1).
local function default(pt, useShapes)
  local baseType = pt.baseType
  if baseType == "LOCATION" then return { latitude = 0, longitude = 0, elevation = 0 } end
  if baseType == "STRING" or baseType == "XML" then return "" end
  if baseType ~= "INFOTABLE" then return 0 end
  if not useShapes then return { dataShape = { fieldDefinitions = json.object() }, rows = {} } end
  local shape = DataShape[pt.dataShape]
  if not shape then
    error("properties." .. pt.name .. ": a table of the data shape " .. tostring(pt.dataShape)
      .. ", which is not declared (useShapes is on)", 0)
  end
  return { dataShape = shape:toTable(), rows = {} }
end

-- From here on a Thing's scan is worth compiling.
local manyProperties = 100

local function finding(...) if native.config.check then native.load("thing_check").say(...) end end

local function initProperty(thing, name, pt)
  if type(pt) ~= "table" then error("properties." .. tostring(name) .. ": expected a table, found " .. type(pt), 0) end
  pt.name = name
  pt.baseType = string.upper(tostring(pt.baseType or pt.basetype or "STRING"))
  pt.basetype = pt.baseType
  if not isBaseType(pt.baseType) then
    log.warn(thing.name, "properties.%s.baseType: %s is not known and taken for a text", name, pt.baseType)
    finding("properties", name, "baseType: " .. pt.baseType .. " is not known")
  end
  local pushType = string.upper(tostring(pt.pushType or pt.dataChangeType or thing.me.defaultPushType or "VALUE"))
  if not pushTypes[pushType] then error("properties." .. name .. ".pushType: expected ALWAYS, VALUE or NEVER, found " .. pushType, 0) end
  pt.pushType = pushTypes[pushType]
  pt.pushThreshold = tonumber(pt.pushThreshold or pt.threshold) or 0
  if pt.threshold and not pt.dataChangeThreshold then pt.dataChangeThreshold = tonumber(pt.threshold) end
  pt.scanRate = tonumber(pt.scanRate or pt.scanrate) or thing.rate("scanRate")
  if pt.scanRate <= thing.rate("scanRateResolution") then
    error(string.format("properties.%s.scanRate (%d) must be greater than scanRateResolution (%d)", name, pt.scanRate,
      thing.rate("scanRateResolution")), 0)
  end
  pt.updateTime = 0
  if pt.pushType == "NEVER" and pt.cacheTime == nil then pt.cacheTime = -1 end
  if pt.time == nil then pt.time = native.now() end
  if pt.value == nil then pt.value = default(pt, thing.useShapes) end
  if pt.handler and pt.handler ~= "inmemory" then
    pt.quality = pt.quality or "UNKNOWN"
    pt.handlerModule, pt.handlerScript = native.load("handler").get(pt.handler)
    local module = pt.handlerModule
    for _, f in ipairs({ "read", "write" }) do
      if type(module[f]) ~= "function" then
        finding("properties", name, "the handler " .. tostring(pt.handler) .. " has no function " .. f)
      end
    end
  else
    pt.isInMemory = true
    pt.quality = "GOOD"
  end
  if getmetatable(pt) == nil then setmetatable(pt, thing.propertyDefaults) end
end

-- What most properties have in common is not kept in each of them; `init`, the definition with its defaults, is made when somebody
-- looks.
local function defaults()
  local common = { dataChangeType = "VALUE", dataChangeThreshold = 0, cacheTime = 0,
    handlerModule = inmemory == true and package.loaded["handlers.inmemory"] or inmemory }
  return { __index = function(pt, key)
    if key ~= "init" then return common[key] end
    return native.load("thing_properties").keepInit(pt)
  end }
end

return function(settings)
  local fallbacks = { scanRate = 60000, taskRate = 15000, scanRateResolution = 500, keepAliveRate = 60000, registerRate = 43200000,
    requestTimeout = 15000,
    maxConcurrentPropertyUpdates = 100 }
  local thing = {
    me = settings, name = settings.name, identifier = settings.identifier, useShapes = settings.useShapes ~= false,
    edgeName = settings.identifier and "*" .. settings.identifier or settings.name,
    properties = {}, services = {}, tasks = {}, definitions = {}, order = {}, sortedAs = {}, waiting = { first = 1, last = 0 },
    pushEpoch = native.new_epoch(), pushNumber = 0, hasKept = native.config.keepsPushes, shapes = {},
    nextDue = 0, listeners = { start = {}, stop = {} }, propertyDefaults = defaults(),
    -- A script may change its rates; what is no number counts as not said.
    rate = function(name) return tonumber(settings[name]) or fallbacks[name] end,
  }
  settings.registered, settings.initialPropertySubscriptionsAcquired, settings.lifecycle = false, false, thing.listeners
  for _, key in ipairs({ "scanRate", "taskRate" }) do
    if thing.rate("scanRateResolution") >= thing.rate(key) then
      error(string.format("%s: scanRateResolution (%d) must be less than %s (%d)", thing.name, thing.rate("scanRateResolution"), key,
        thing.rate(key)), 0)
    end
  end
  native.state = thing
  template.begin(thing, native.load("thing"))
  if native.config.check then native.load("thing_check").begin(thing) end
  require("templates." .. settings.template)
  if not thing.template then
    error("templates/" .. settings.template .. ".lua: expected module(\"templates." .. settings.template
      .. "\", thingworx.template.extend) at its start", 0)
  end
  if native.config.check then native.load("thing_check").loaded() end
  template.mergeShapes()
  _G.thing = thing.me
  settings.properties = thing.properties
  native.load("thing_builtin")(thing)
  for name, pt in pairs(thing.properties) do
    initProperty(thing, name, pt)
    thing.order[#thing.order + 1] = pt
  end
  table.sort(thing.order, function(a, b) return tostring(a.name) < tostring(b.name) end)
  if native.config.values then native.once("thing_values").restore(thing, native.config.values) end
  if native.config.check then native.load("thing_check").finish() end
  local push = native.load("thing_push")
  push.sort(thing)
  if #thing.order >= manyProperties then
    for _, f in ipairs({ push.scanHere, push.differs }) do require("jit").on(f) end
  end
  return thing
end
