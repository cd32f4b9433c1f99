-- Scanning properties and pushing what changed to the platform.
local push = {}

-- Changes that could not be sent wait here; the oldest go when there are too many.
local maximumWaiting = 10000

local abs = math.abs

-- Whether a property's value differs from the one pushed last by more than its threshold.
local function differs(pt)
  if pt.force or pt.lastPushed == nil or pt.quality ~= pt.lastQuality then return true end
  local new, old = pt.value, pt.lastPushed
  if type(new) == "number" and type(old) == "number" then
    return abs(new - old) > pt.pushThreshold or (new ~= new) ~= (old ~= old)
  end
  if type(new) == "table" then return json.encode(new) ~= old end
  return new ~= old
end

push.differs = differs

local function collect(me, pt)
  local value, why = native.load("convert").to(pt.baseType, pt.value)
  if value == nil then
    log.warn(me.name, "%s is not pushed: %s", pt.name, why)
    return
  end
  pt.lastPushed = type(pt.value) == "table" and json.encode(pt.value) or pt.value
  pt.lastQuality = pt.quality
  pt.force = nil
  -- A queue: its entries are those from first to last.
  local waiting = me.waiting
  waiting.last = waiting.last + 1
  waiting[waiting.last] = { name = pt.name, baseType = pt.baseType, value = value, time = pt.time, quality = pt.quality }
  if waiting.last - waiting.first >= maximumWaiting then
    waiting[waiting.first] = nil
    waiting.first = waiting.first + 1
    me.droppedPushes = (me.droppedPushes or 0) + 1
    if me.droppedPushes == 1 then log.warn(me.name, "more than %d changes wait for the platform: the oldest are dropped", maximumWaiting) end
  end
end

-- One whose value comes from elsewhere, or that a task looks at.
local function examine(me, pt, now, rules)
  local code = native.load("thing_properties").refresh(me, pt, {}, {})
  if pt.isInMemory then pt.time = now end
  if rules then me:guard("task EvaluateRules", rules, me, pt) end
  if code == 200 and me.registered and (pt.pushType == "ALWAYS" or differs(pt)) then collect(me, pt) end
end

function push.scan(me, now)
  if now < me.nextDue then return end
  local order, rules, registered, nextDue = me.order, me.tasks.EvaluateRules, me.registered, math.huge
  -- Set before: what is written meanwhile makes it earlier.
  me.nextDue = nextDue
  for i = 1, #order do
    local pt = order[i]
    local due = pt.nextScan
    if pt.pushType ~= "NEVER" then
      if now >= due then
        due = now + pt.scanRate
        pt.nextScan = due
        if rules or not pt.isInMemory then
          examine(me, pt, now, rules)
        else
          pt.time = now
          if registered and (pt.pushType == "ALWAYS" or pt.value ~= pt.lastPushed or pt.force or pt.quality ~= pt.lastQuality) then
            if pt.pushType == "ALWAYS" or differs(pt) then collect(me, pt) end
          end
        end
      end
      if due < nextDue then nextDue = due end
    end
  end
  if nextDue < me.nextDue then me.nextDue = nextDue end
end

-- Sends what waits, in order, in batches; what fails stays and is first next time.
function push.send(me)
  local waiting = me.waiting
  if not me.registered or waiting.first > waiting.last or native.now() < (me.nextPush or 0) then return end
  while waiting.first <= waiting.last and p_data.run do
    local last = math.min(waiting.last, waiting.first + me.settings.maxConcurrentPropertyUpdates - 1)
    local batch = {}
    for i = waiting.first, last do batch[#batch + 1] = waiting[i] end
    local code, response = server.setProperties(batch, me.edgeName)
    if code == 200 then
      me.pushRefused = nil
    elseif code >= 400 and code < 500 and code ~= 401 and code ~= 408 and code ~= 429 then
      -- What the platform understood and refused would be refused for ever. Said once: a Thing that is not there yet is told
      -- of its creation by NotifyPropertyUpdate.
      log[me.pushRefused and "debug" or "error"](me.name, "the platform refused %d changes (%d): %s", #batch, code, tostring(response))
      me.pushRefused = true
    else
      log.debug(me.name, "%d changes wait: %s", waiting.last - waiting.first + 1, tostring(response))
      me.nextPush = native.now() + 2000
      return
    end
    -- More may have been collected, and old ones dropped, while the batch was under way.
    for i = waiting.first, last do waiting[i] = nil end
    waiting.first = math.max(waiting.first, last + 1)
    if waiting.first > waiting.last then waiting.first, waiting.last = 1, 0 end
  end
end

-- Every VALUE property is to be pushed at the next scan.
function push.forceAll(me)
  me.nextDue = 0
  for _, pt in ipairs(me.order) do
    if pt.pushType ~= "NEVER" then
      pt.force = true
      pt.nextScan = 0
    end
  end
end

return push
