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
  -- Nothing equals what an ALWAYS property pushed last, so that no scan has to ask for its type.
  if pt.pushType ~= "ALWAYS" then pt.lastPushed = type(pt.value) == "table" and json.encode(pt.value) or pt.value end
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

-- Sorts the properties: those whose value lies here into groups of one scan rate each, and those that have to be fetched; NEVER is in
-- none. Done anew when a push type has changed.
function push.sort(me)
  local isSame = me.groups ~= nil
  for _, pt in ipairs(me.order) do
    isSame = isSame and pt.sortedAs == pt.pushType
    if pt.pushType == "ALWAYS" then pt.lastPushed = nil end
    pt.sortedAs = pt.pushType
  end
  if isSame then return end
  local byRate = {}
  me.groups, me.elsewhere, me.nextDue = {}, {}, 0
  for _, pt in ipairs(me.order) do
    if pt.pushType ~= "NEVER" then
      if pt.isInMemory and not me.tasks.EvaluateRules then
        local group = byRate[pt.scanRate]
        if not group then
          group = { rate = pt.scanRate, due = 0 }
          byRate[pt.scanRate], me.groups[#me.groups + 1] = group, group
        end
        group[#group + 1] = pt
      else
        me.elsewhere[#me.elsewhere + 1] = pt
      end
    end
  end
end

-- Those whose values lie here: nothing but comparisons, so that many of them cost little.
local function scanHere(me, list, now)
  for i = 1, #list do
    local pt = list[i]
    if (pt.value ~= pt.lastPushed or pt.quality ~= pt.lastQuality) and differs(pt) then
      pt.time = now
      collect(me, pt)
    end
  end
end

push.scanHere = scanHere

-- Those whose values come from elsewhere, or that a task looks at. When the next of them is due.
local function scanElsewhere(me, list, now, nextDue)
  local rules, properties = me.tasks.EvaluateRules, native.load("thing_properties")
  for i = 1, #list do
    local pt = list[i]
    if now >= pt.nextScan then
      pt.nextScan = now + pt.scanRate
      local code = properties.refresh(me, pt, {}, {})
      if pt.isInMemory then pt.time = now end
      if rules then me:guard("task EvaluateRules", rules, me, pt) end
      if code == 200 and me.registered and differs(pt) then collect(me, pt) end
    end
    -- It may have been written meanwhile.
    if pt.nextScan < nextDue then nextDue = pt.nextScan end
  end
  return nextDue
end

function push.scan(me, now)
  if now < me.nextDue then return end
  -- What is written while a value is fetched makes it earlier.
  me.nextDue = math.huge
  local nextDue, touched = math.huge, me.touched
  if touched then
    me.touched = nil
    if me.registered then scanHere(me, touched, now) end
  end
  for _, group in ipairs(me.groups) do
    if now >= group.due then
      group.due = now + group.rate
      -- Without a registration nothing is pushed, and all of it when there is one.
      if me.registered then scanHere(me, group, now) end
    end
    if group.due < nextDue then nextDue = group.due end
  end
  if #me.elsewhere > 0 then nextDue = scanElsewhere(me, me.elsewhere, now, nextDue) end
  if nextDue < me.nextDue then me.nextDue = nextDue end
end

-- A property was written: the next scan looks at it.
function push.touch(me, pt)
  pt.nextScan, me.nextDue = 0, 0
  if not pt.isInMemory or pt.pushType == "NEVER" or me.tasks.EvaluateRules then return end
  me.touched = me.touched or {}
  me.touched[#me.touched + 1] = pt
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

-- Every property is to be pushed at the next scan.
function push.forceAll(me)
  me.nextDue = 0
  for _, pt in ipairs(me.order) do pt.lastPushed, pt.nextScan = nil, 0 end
  for _, group in ipairs(me.groups) do group.due = 0 end
end

return push
