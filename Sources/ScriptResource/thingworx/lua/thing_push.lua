-- Scanning properties and pushing what changed to the platform.
local push = {}

-- Changes that could not be sent wait here; the oldest go when there are too many.
local maximumWaiting = 10000

-- ms until what could not be sent is tried again.
local shortestPause, longestPause = 2000, 30000

local convert = native.load("convert")
local abs = math.abs

-- Whether a property's value differs from the one pushed last by more than its threshold.
local function differs(pt)
  if pt.lastPushed == nil or pt.quality ~= pt.lastQuality or pt.forcePush then return true end
  local new, old = pt.value, pt.lastPushed
  local kind = type(new)
  if kind == "number" and type(old) == "number" then
    return abs(new - old) > pt.pushThreshold or (new ~= new) ~= (old ~= old)
  end
  if kind == "table" then
    local ok, text = pcall(json.encode, new)
    return not ok or text ~= old
  end
  if kind == "string" and (pt.baseType == "NUMBER" or pt.baseType == "INTEGER") then
    return new ~= old and abs((tonumber(new) or 0) - (tonumber(old) or 0)) > pt.pushThreshold
  end
  return new ~= old
end

push.differs = differs

-- A time that was set is sent as it is; where the value changed and the time did not, the value is of now.
local function keepTime(pt, now, sent, before)
  if pt.isInMemory and before ~= nil and sent ~= before and pt.time ~= nil and pt.time == pt.lastTime then pt.time = now end
end

local function collect(thing, pt, now)
  local value, why = convert.to(pt.baseType, pt.value)
  local sent = pt.value
  if type(sent) == "table" then
    -- What has no form in JSON would keep others of its batch from the platform.
    local ok, text = pcall(json.encode, sent)
    if ok then sent = text else value, why = nil, text end
  end
  if value == nil then
    if pt.unpushable ~= why then log.warn(thing.name, "%s is not pushed: %s", pt.name, why) end
    pt.unpushable = why
    return
  end
  -- Nothing equals what an ALWAYS property pushed last, so that no scan has to ask for its type.
  if pt.pushType == "ALWAYS" then
    keepTime(pt, now, sent, pt.lastSent)
    pt.lastSent = sent
  else
    keepTime(pt, now, sent, pt.lastPushed)
    pt.lastPushed = sent
  end
  pt.lastQuality, pt.lastTime = pt.quality, pt.time
  if pt.forcePush then pt.forcePush = nil end
  if pt.unpushable then pt.unpushable = nil end
  -- A queue: its entries are those from first to last.
  local waiting = thing.waiting
  waiting.last = waiting.last + 1
  waiting[waiting.last] = { name = pt.name, baseType = pt.baseType, value = value, time = convert.time(pt.time) or now,
    quality = pt.quality }
  if waiting.last - waiting.first >= maximumWaiting then
    waiting[waiting.first] = nil
    waiting.first = waiting.first + 1
    thing.droppedPushes = (thing.droppedPushes or 0) + 1
    if thing.droppedPushes == 1 then
      log.warn(thing.name, "more than %d changes wait for the platform: the oldest are dropped", maximumWaiting)
    end
  end
end

-- Sorts the properties: those whose value lies here into groups of one scan rate each, and those that have to be fetched; NEVER is in
-- none. Done anew when a push type has changed.
function push.sort(thing)
  local isSame, sortedAs = thing.groups ~= nil, thing.sortedAs
  for index, pt in ipairs(thing.order) do
    isSame = isSame and sortedAs[index] == pt.pushType
    if pt.pushType == "ALWAYS" then pt.lastPushed = nil end
    sortedAs[index] = pt.pushType
  end
  if isSame then return end
  local byRate, rules = {}, thing.tasks.EvaluateRules
  thing.groups, thing.elsewhere, thing.nextDue = {}, {}, 0
  for _, pt in ipairs(thing.order) do
    if rules or not pt.isInMemory then
      -- A task looks at all of them.
      if rules or pt.pushType ~= "NEVER" then thing.elsewhere[#thing.elsewhere + 1] = pt end
    elseif pt.pushType ~= "NEVER" then
      local group = byRate[pt.scanRate]
      if not group then
        group = { rate = pt.scanRate, due = 0 }
        byRate[pt.scanRate], thing.groups[#thing.groups + 1] = group, group
      end
      group[#group + 1] = pt
      if pt.baseType == "BOOLEAN" then
        group.booleans = group.booleans or {}
        group.booleans[#group.booleans + 1] = pt
      end
    end
  end
end

-- Truth values that templates give as numbers or texts are true or false from the next scan on.
local function makeBooleans(list)
  for i = 1, #list do
    local pt = list[i]
    if type(pt.value) ~= "boolean" then pt.value = convert.boolean(pt.value) end
  end
end

-- Whether changes are collected: from the first registration on, also while the gateway is away.
local function collects(thing)
  return thing.me.registered or not thing.hasLeft and (thing.wasRegistered or native.config.keepsPushes)
end

-- Those whose values lie here: nothing but comparisons, so that many of them cost little.
local function scanHere(thing, list, now)
  for i = 1, #list do
    local pt = list[i]
    if (pt.value ~= pt.lastPushed or pt.quality ~= pt.lastQuality) and differs(pt) then collect(thing, pt, now) end
  end
end

push.scanHere = scanHere

-- Those whose values come from elsewhere, or that a task looks at. When the next of them is due.
local function scanElsewhere(thing, list, now, nextDue)
  local rules, properties = thing.tasks.EvaluateRules, native.load("thing_properties")
  local guard = native.load("thing_loop").guard
  for i = 1, #list do
    local pt = list[i]
    if now >= pt.updateTime then
      pt.updateTime = now + pt.scanRate
      local isPushed = pt.pushType ~= "NEVER"
      local code = isPushed and properties.refresh(thing, pt)
      if code == 200 and collects(thing) and differs(pt) then collect(thing, pt, native.now()) end
      if rules then guard(thing, "task EvaluateRules", rules, thing.me, pt.name) end
    end
    -- It may have been written meanwhile.
    if pt.updateTime < nextDue then nextDue = pt.updateTime end
  end
  return nextDue
end

-- Properties that were written since the last scan.
local function scanTouched(thing, touched, now)
  local properties = native.load("thing_properties")
  for i = 1, #touched do
    local pt = touched[i]
    properties.takeNext(pt)
    if pt.baseType == "BOOLEAN" then pt.value = convert.boolean(pt.value) end
    pt.lastPushed = nil
  end
  if collects(thing) then scanHere(thing, touched, now) end
end

function push.scan(thing, now)
  if now < thing.nextDue then return end
  -- What is written while a value is fetched makes it earlier.
  thing.nextDue = math.huge
  local nextDue, touched, isCollecting = math.huge, thing.touched, collects(thing)
  if touched then
    thing.touched = nil
    scanTouched(thing, touched, now)
  end
  for _, group in ipairs(thing.groups) do
    if now >= group.due then
      group.due = now + group.rate
      if group.booleans then makeBooleans(group.booleans) end
      -- Before the first registration nothing is pushed, and all of it when there is one.
      if isCollecting then scanHere(thing, group, now) end
    end
    if group.due < nextDue then nextDue = group.due end
  end
  if #thing.elsewhere > 0 then nextDue = scanElsewhere(thing, thing.elsewhere, now, nextDue) end
  if nextDue < thing.nextDue then thing.nextDue = nextDue end
end

-- A property was written: the next scan looks at it, and pushes it even if it is the same.
function push.touch(thing, pt)
  pt.updateTime, thing.nextDue = 0, 0
  if pt.pushType == "NEVER" then return end
  pt.forcePush = true
  if not pt.isInMemory or thing.tasks.EvaluateRules then return end
  thing.touched = thing.touched or {}
  thing.touched[#thing.touched + 1] = pt
end

-- What the platform understood and refused would be refused for ever. Said once: a Thing that is not there yet is told of its
-- creation by NotifyPropertyUpdate.
local function isRefusal(code) return code >= 400 and code < 500 and code ~= 401 and code ~= 408 and code ~= 429 end

local function noteRefusal(thing, what, code, response)
  log[thing.pushRefused and "debug" or "error"](thing.name, "the platform refused %s (%d): %s", what, code, tostring(response))
  thing.pushRefused = true
end

-- One that registers is told by its registration when the gateway is back; one that does not asks ever less often.
local function pause(thing)
  local most = thing.me.register == false and longestPause or shortestPause
  thing.pushPause = math.min((thing.pushPause or shortestPause / 2) * 2, most)
  thing.nextPush = native.now() + thing.pushPause
end

-- The oldest changes as one message, its number, the place of the last of them, and how many they are. What may have arrived is the
-- same when it is sent again: under one number the platform takes one message.
local function nextMessage(thing)
  local waiting, unsent = thing.waiting, thing.unsent
  if unsent then
    thing.unsent = nil
    if unsent.last >= waiting.first then return unsent.text, unsent.id, unsent.last, unsent.count end
  end
  local last = math.min(waiting.last, waiting.first + thing.rate("maxConcurrentPropertyUpdates") - 1)
  local batch = {}
  for i = waiting.first, last do batch[#batch + 1] = waiting[i] end
  thing.pushNumber = thing.pushNumber + 1
  return server.pushText(batch), thing.pushEpoch .. "." .. thing.pushNumber, last, #batch
end

-- More may have been collected, and old ones dropped, while they were under way.
local function forget(waiting, last)
  for i = waiting.first, last do waiting[i] = nil end
  waiting.first = math.max(waiting.first, last + 1)
  if waiting.first > waiting.last then waiting.first, waiting.last = 1, 0 end
end

local function keep(thing, text, id, last)
  if not text then
    noteRefusal(thing, "changes", 400, "they have no form in JSON")
    forget(thing.waiting, last)
    return true
  end
  local kept, why = native.keep_push(thing.edgeName, text, id)
  if kept then
    thing.hasKept = true
    forget(thing.waiting, last)
  elseif thing.keepFailed ~= why then
    log.error(thing.name, "changes wait in memory, as the disk does not take them: %s", tostring(why))
  end
  thing.keepFailed = why
  return kept
end

-- All that waits goes to the disk.
local function keepAll(thing)
  local waiting = thing.waiting
  while waiting.first <= waiting.last do
    local text, id, last = nextMessage(thing)
    if not keep(thing, text, id, last) then return end
  end
end

-- What is on disk goes to the gateway, oldest first. Whether nothing is left there.
local function sendKept(thing)
  while thing.hasKept and p_data.run do
    local text, id = native.kept_push(thing.edgeName)
    if not text then
      thing.hasKept = false
      break
    end
    local code, response = server.pushMessage(text, thing.edgeName, id)
    if isRefusal(code) then
      noteRefusal(thing, "changes", code, response)
    elseif code ~= 200 then
      pause(thing)
      return false
    end
    native.drop_push(thing.edgeName)
  end
  return not thing.hasKept
end

-- Sends what waits, in order, in batches; what fails stays and is first next time.
function push.send(thing)
  local waiting, keeps = thing.waiting, native.config.keepsPushes
  if waiting.first > waiting.last and not thing.hasKept then return end
  if not thing.me.registered or native.now() < (thing.nextPush or 0) or not sendKept(thing) then
    if keeps then keepAll(thing) end
    return
  end
  while waiting.first <= waiting.last and p_data.run do
    local text, id, last, count = nextMessage(thing)
    local code, response = server.pushMessage(text, thing.edgeName, id)
    if code == 200 then
      thing.pushRefused, thing.pushPause = nil, nil
    elseif isRefusal(code) then
      noteRefusal(thing, count .. " changes", code, response)
    else
      log.debug(thing.name, "%d changes wait: %s", waiting.last - waiting.first + 1, tostring(response))
      pause(thing)
      if keeps and keep(thing, text, id, last) then
        keepAll(thing)
      else
        thing.unsent = { text = text, id = id, last = last, count = count }
      end
      return
    end
    forget(waiting, last)
  end
end

-- At the end: what the gateway has not taken is there at the next start.
function push.leave(thing)
  if native.config.keepsPushes then keepAll(thing) end
end

-- Every property is to be pushed at the next scan.
function push.forceAll(thing)
  thing.nextDue = 0
  for _, pt in ipairs(thing.order) do pt.lastPushed, pt.updateTime = nil, 0 end
  for _, group in ipairs(thing.groups) do group.due = 0 end
end

return push
