-- The Thing object that templates know as `me`.
local push = native.load("thing_push")

local Thing = {}
Thing.__index = Thing

-- Runs f with what else is given; an error in it is logged as that of `what`, with its traceback, and ends nothing. → whether
-- there was none
function Thing:guard(what, f, ...)
  local ok, why = xpcall(f, debug.traceback, ...)
  if not ok then log.error(self.name, "%s: %s", what, why) end
  return ok
end

-- Has f(me) called at the "start" or the "stop" of the Thing; errors in it are logged. Raises an error for another event.
function Thing:addLifecycleListener(event, label, f)
  local list = self.listeners[event] or error("addLifecycleListener: expected start or stop, found " .. tostring(event), 2)
  list[#list + 1] = { label = label, f = f }
end

function Thing:signal(event)
  local method = event == "start" and "open" or "close"
  for _, pt in ipairs(self.order) do
    local f = not pt.isInMemory and pt.handlerModule[method]
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
  if now < self.nextTasks then return end
  self.nextTasks = now + self.settings.taskRate
  for name, task in pairs(self.tasks) do
    if type(task) == "function" and name ~= "EvaluateRules" then self:guard("task " .. name, task, self) end
  end
  -- One of them may have changed a push type.
  push.sort(self)
end

function Thing:step()
  local now = native.now()
  push.scan(self, now)
  push.send(self)
  if self.settings.register then native.load("thing_registration").step(self, now) end
  self:runTasks(now)
  native.keep()
end

function Thing:run()
  self.nextTasks = native.now() + self.settings.taskRate
  self:signal("start")
  native.running()
  -- What loading left behind goes at once; from here on little garbage is made.
  collectgarbage()
  collectgarbage()
  while p_data.run do
    self:guard("main loop", self.step, self)
    native.sleep(self.settings.scanRateResolution)
  end
  self:signal("stop")
  if self.registered and not native.staying then self:deregisterEdgeThing() end
end

-- MARK: For templates

-- Registers with the gateway, as the main loop does by itself. → status, response
function Thing:registerEdgeThing() return native.load("thing_registration").register(self) end

-- Leaves the gateway until the next registration. → status, response
function Thing:deregisterEdgeThing() return native.load("thing_registration").deregister(self) end

-- Reads a property through its handler. → status, infotable as JSON text, or what is wrong
function Thing:getProperty(name)
  local code, answer = native.load("thing_properties").read(self, name, {}, {})
  return code, type(answer) == "table" and json.encode(answer) or answer
end

-- Writes a property through its handler; `data` is { value = … } or { <name> = … }. → status, and what is wrong
function Thing:setProperty(name, headers, query, data)
  return native.load("thing_properties").write(self, name, headers or {}, query or {}, data)
end

-- All properties, read through their handlers. → status, infotable as a table
function Thing:getProperties() return native.load("thing_properties").readAll(self, {}, {}) end

-- Not implemented: templates may. → 501, text
function Thing:setProperties() return 501, "not implemented" end

-- → status, names of the services
function Thing:getServices() return 200, native.load("thing_services").list(self) end

return Thing
