-- Scanning properties and pushing what changed to the platform.
local json = native.load("json")
local convert = native.load("convert")
local requests = native.load("thing_requests")
local tw_utils = native.load("tw_utils")

local push = {}

-- Changes that could not be sent wait here; the oldest go when there are too many.
local maximumWaiting = 10000

local function collect(me, pt)
  local value, why = convert.to(pt.baseType, pt.value)
  if value == nil then
    log.warn(me.name, "%s is not pushed: %s", pt.name, why)
    return
  end
  pt.lastPushed = type(pt.value) == "table" and json.encode(pt.value) or pt.value
  pt.lastQuality = pt.quality
  pt.force = nil
  local waiting = me.waiting
  waiting[#waiting + 1] = { name = pt.name, baseType = pt.baseType, value = value, time = pt.time, quality = pt.quality }
  if #waiting > maximumWaiting then
    table.remove(waiting, 1)
    me.droppedPushes = (me.droppedPushes or 0) + 1
    if me.droppedPushes == 1 then log.warn(me.name, "more than %d changes wait for the platform: the oldest are dropped", maximumWaiting) end
  end
end

function push.scan(me, now)
  me.waiting = me.waiting or {}
  local rules = me.tasks.EvaluateRules
  for _, pt in ipairs(me.order) do
    if pt.pushType ~= "NEVER" and now >= pt.nextScan then
      pt.nextScan = now + pt.scanRate
      local code = requests.refresh(me, pt, {}, {})
      if pt.handlerName == "inmemory" then pt.time = now end
      if rules then me:guard("task EvaluateRules", rules, me, pt) end
      if code == 200 and me.registered and (pt.pushType == "ALWAYS" or tw_utils.evaluateChange(pt)) then collect(me, pt) end
    end
  end
end

-- Sends what waits, in order, in batches; what fails stays and is first next time.
function push.send(me)
  local waiting = me.waiting
  if not me.registered or #waiting == 0 or native.now() < (me.nextPush or 0) then return end
  local size = me.settings.maxConcurrentPropertyUpdates
  while #waiting > 0 and p_data.run do
    local batch = {}
    for i = 1, math.min(size, #waiting) do batch[i] = waiting[i] end
    local code, response = server.setProperties(batch, me.edgeName)
    if code ~= 200 then
      -- What the platform understood and refused would be refused for ever.
      if code >= 400 and code < 500 and code ~= 401 and code ~= 408 and code ~= 429 then
        -- Said once: a Thing that is not there yet is told of its creation by NotifyPropertyUpdate.
        log[me.pushRefused and "debug" or "error"](me.name, "the platform refused %d changes (%d): %s", #batch, code, tostring(response))
        me.pushRefused = true
      else
        log.debug(me.name, "%d changes wait: %s", #waiting, tostring(response))
        me.nextPush = native.now() + 2000
        return
      end
    end
    if code == 200 then me.pushRefused = nil end
    -- More may have been collected, and old ones dropped, while the batch was under way.
    local last = batch[#batch]
    while waiting[1] ~= nil do
      local sent = table.remove(waiting, 1)
      if sent == last then break end
    end
  end
end

-- Every VALUE property is to be pushed at the next scan.
function push.forceAll(me)
  for _, pt in ipairs(me.order) do
    if pt.pushType ~= "NEVER" then
      pt.force = true
      pt.nextScan = 0
    end
  end
end

return push
