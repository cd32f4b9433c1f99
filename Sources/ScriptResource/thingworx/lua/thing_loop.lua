-- The life of a Thing's script (lua-library.md, section 8).
local push = native.load("thing_push")
local registration = native.load("thing_registration")

local loop = {}

-- Runs f with what else is given; an error in it is logged as that of `what`, with its traceback, and ends nothing. → whether
-- there was none
function loop.guard(thing, what, f, ...)
  local ok, why = xpcall(f, debug.traceback, ...)
  if not ok then log.error(thing.name, "%s: %s", what, why) end
  return ok
end

local guard = loop.guard

-- Handlers' open and close, once for each module; shapes' start and stop; then the listeners.
local function signal(thing, event)
  local method, seen = event == "start" and "open" or "close", {}
  for _, pt in ipairs(thing.order) do
    local module = not pt.isInMemory and pt.handlerModule
    if module and not seen[module] then
      seen[module] = true
      local f = module[method]
      if type(f) == "function" then guard(thing, "handler " .. tostring(pt.handler) .. "." .. method, f) end
    end
  end
  for _, shape in ipairs(thing.shapes) do
    local f = shape.module[event]
    if type(f) == "function" then guard(thing, "a shape's " .. event, f, thing.me) end
  end
  for _, listener in ipairs(thing.listeners[event]) do
    if type(listener.f) == "function" then guard(thing, "lifecycle listener " .. tostring(listener.label), listener.f) end
  end
end

local function runTasks(thing, now)
  if now < thing.nextTasks then return end
  thing.nextTasks = now + thing.rate("taskRate")
  for name, task in pairs(thing.tasks) do
    if type(task) == "function" then guard(thing, "task " .. tostring(name), task, thing.me) end
  end
  -- One of them may have changed a push type.
  push.sort(thing)
end

local function step(thing)
  local now = native.now()
  if now >= thing.nextDue then
    native.scan(true)
    push.scan(thing, now)
    native.scan(false)
  end
  push.send(thing)
  registration.step(thing, now)
  runTasks(thing, now)
  native.keep()
end

function loop.run(thing)
  thing.nextTasks = 0
  signal(thing, "start")
  native.running()
  -- What loading left behind goes at once; from here on little garbage is made.
  collectgarbage()
  collectgarbage()
  while p_data.run do
    guard(thing, "main loop", step, thing)
    if p_data.run then native.sleep(thing.rate("scanRateResolution")) end
  end
  signal(thing, "stop")
  push.leave(thing)
  if not native.staying then registration.leave(thing) end
end

return loop
