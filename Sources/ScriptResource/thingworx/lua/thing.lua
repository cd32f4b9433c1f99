-- The Thing object that templates know as `me`.
local json = native.load("json")
local convert = native.load("convert")
local template = native.load("template")
local handler = native.load("handler")
local requests = native.load("thing_requests")
local registration = native.load("thing_registration")
local push = native.load("thing_push")

local Thing = {}
Thing.__index = Thing

local function new(settings)
  local me = setmetatable({
    name = settings.name, identifier = settings.identifier, settings = settings,
    properties = {}, services = {}, tasks = {}, serviceDefinitions = {},
    registered = false, upToDate = true, listeners = { start = {}, stop = {} },
  }, Thing)
  me.edgeName = me.identifier and "*" .. me.identifier or me.name
  return me
end

-- MARK: Loading

local pushTypes = { ALWAYS = "ALWAYS", VALUE = "VALUE", NEVER = "NEVER", ON = "VALUE", OFF = "VALUE", DEADBAND = "VALUE" }

local function initProperty(me, name, pt)
  if type(pt) ~= "table" then error("properties." .. name .. ": expected a table, found " .. type(pt), 0) end
  pt.name = name
  pt.baseType = string.upper(pt.baseType or pt.basetype or "STRING")
  local pushType = string.upper(tostring(pt.pushType or pt.dataChangeType or me.settings.defaultPushType))
  if not pushTypes[pushType] then error("properties." .. name .. ".pushType: expected ALWAYS, VALUE or NEVER, found " .. pushType, 0) end
  pt.pushType = pushTypes[pushType]
  pt.pushThreshold = tonumber(pt.pushThreshold or pt.threshold or pt.dataChangeThreshold) or 0
  pt.dataChangeType = pt.dataChangeType or "VALUE"
  pt.dataChangeThreshold = pt.dataChangeThreshold or 0
  pt.scanRate = tonumber(pt.scanRate or pt.scanrate) or me.settings.scanRate
  pt.cacheTime = pt.cacheTime or (pt.pushType == "NEVER" and -1 or 0)
  pt.quality = pt.quality or (pt.handler and "UNKNOWN" or "GOOD")
  pt.time = pt.time or native.now()
  pt.dataShapeObject = type(pt.dataShape) == "string" and template.dataShape(pt.dataShape) or nil
  if pt.value == nil then pt.value = convert.default(pt.baseType, pt.dataShapeObject) end
  pt.handlerName = pt.handler or "inmemory"
  pt.handlerModule = handler.get(pt.handlerName)
  pt.nextScan = 0
  if pt.scanRate <= me.settings.scanRateResolution then
    log.warn(me.name, "properties.%s.scanRate %d is not longer than scanRateResolution %d", name, pt.scanRate, me.settings.scanRateResolution)
  end
end

function Thing:load()
  local settings = self.settings
  for _, key in ipairs({ "scanRate", "taskRate" }) do
    if settings.scanRateResolution >= settings[key] then
      error(string.format("%s: scanRateResolution (%d) must be less than %s (%d)", self.name, settings.scanRateResolution, key, settings[key]), 0)
    end
  end
  template.begin(self)
  require("templates." .. settings.template)
  if not self.template then
    error("templates/" .. settings.template .. ".lua: expected module(\"templates." .. settings.template .. "\", thingworx.template.extend) at its start", 0)
  end
  template.mergeShapes(self)
  requests.addBuiltIn(self)
  self.order = {}
  for name, pt in pairs(self.properties) do
    initProperty(self, name, pt)
    self.order[#self.order + 1] = pt
  end
  table.sort(self.order, function(a, b) return a.name < b.name end)
end

-- MARK: Running

-- Runs f; an error in it is logged with file and line and ends nothing.
function Thing:guard(what, f, ...)
  local ok, why = xpcall(function(...) return f(...) end, debug.traceback, ...)
  if not ok then log.error(self.name, "%s: %s", what, why) end
  return ok
end

-- event: "start" or "stop"
function Thing:addLifecycleListener(event, label, f)
  local list = self.listeners[event] or error("addLifecycleListener: expected start or stop, found " .. tostring(event), 2)
  list[#list + 1] = { label = label, f = f }
end

function Thing:signal(event)
  local method = event == "start" and "open" or "close"
  for _, pt in ipairs(self.order) do
    local f = pt.handlerModule[method]
    if type(f) == "function" then self:guard("handler " .. pt.handlerName .. "." .. method, f, self, pt) end
  end
  for _, shape in ipairs(self.shapes) do
    local f = rawget(shape.module, event)
    if type(f) == "function" then self:guard("a shape's " .. event, f, self) end
  end
  for _, listener in ipairs(self.listeners[event]) do
    self:guard("lifecycle listener " .. tostring(listener.label), listener.f, self)
  end
end

function Thing:runTasks(now)
  if now < (self.nextTasks or 0) then return end
  self.nextTasks = now + self.settings.taskRate
  for name, task in pairs(self.tasks) do
    if type(task) == "function" and name ~= "EvaluateRules" then self:guard("task " .. name, task, self) end
  end
end

function Thing:step()
  local now = native.now()
  push.scan(self, now)
  push.send(self)
  registration.step(self, now)
  if not self.upToDate and self.registered then registration.subscribe(self, now) end
  self:runTasks(now)
end

function Thing:run()
  self.nextTasks = native.now() + self.settings.taskRate
  self:signal("start")
  native.running()
  while p_data.run do
    self:guard("main loop", self.step, self)
    native.sleep(self.settings.scanRateResolution)
  end
  self:signal("stop")
  if self.registered then self:deregisterEdgeThing() end
end

-- MARK: For templates

function Thing:registerEdgeThing() return registration.register(self) end
function Thing:deregisterEdgeThing() return registration.deregister(self) end

-- code, JSON
function Thing:getProperty(name)
  local code, table_ = requests.readProperty(self, name, {}, {})
  return code, type(table_) == "table" and json.encode(table_) or table_
end

function Thing:setProperty(name, headers, query, data) return requests.writeProperty(self, name, headers or {}, query or {}, data) end
function Thing:getProperties() return requests.readAll(self, {}, {}) end
function Thing:setProperties() return 501, "not implemented" end
function Thing:getServices() return 200, requests.serviceList(self) end

-- status, content type, body for a request that the gateway forwards.
function Thing:request(...) return requests.handle(self, ...) end

return { new = new }
