-- Registering a Thing with the gateway and keeping it registered.
local json = native.load("json")
local push = native.load("thing_push")

local registration = {}

local retryAfter = 5000
-- Attempts to register follow one another quickly at first: mostly the gateway is just about to start.
local firstPause, longestPause = 250, 10000

function registration.register(me)
  local settings = me.settings
  local code, response = server.invokeLocalEms("AddEdgeThing", {
    name = me.edgeName, host = native.config.host, port = native.config.port, path = "/scripts/Thingworx",
    proto = native.config.proto, timeout = settings.requestTimeout, keepalive = settings.keepAliveRate,
    user = native.config.user, password = native.config.password,
  })
  local now = native.now()
  if code ~= 200 then
    local why = tostring(response)
    if me.registrationFailed ~= why then log.warn(me.name, "not registered with the gateway, trying again: %s", why) end
    me.registrationFailed = why
    me.registered = false
    me.registerPause = math.min((me.registerPause or firstPause / 2) * 2, longestPause)
    me.nextRegister = now + me.registerPause
    return code, response
  end
  me.registrationFailed, me.registerPause = nil, nil
  me.nextRegister = now + settings.registerRate
  me.nextKeepAlive = now + settings.keepAliveRate
  if not me.registered then
    me.registered = true
    log.info(me.name, "registered with the gateway as %s", me.edgeName)
    if not me.wasRegistered or settings.getPropertySubscriptionsOnReconnect then registration.subscribe(me, now) end
    me.wasRegistered = true
    push.forceAll(me)
  end
  return code, response
end

function registration.deregister(me)
  me.registered = false
  return server.invokeLocalEms("RemoveEdgeThing", { name = me.edgeName })
end

local function isStillRegistered(me)
  local code, response = server.invokeLocalEms("HasEdgeThing", { name = me.edgeName })
  if code ~= 200 then return false end
  local ok, answer = pcall(json.decode, response)
  return ok and type(answer) == "table" and answer.rows ~= nil and answer.rows[1] ~= nil and answer.rows[1].result == true
end

function registration.step(me, now)
  if me.registered and now >= (me.nextKeepAlive or 0) then
    me.nextKeepAlive = now + me.settings.keepAliveRate
    if not isStillRegistered(me) then
      log.info(me.name, "the gateway no longer knows this Thing, registering again")
      me.registered = false
      me.nextRegister = 0
    end
  end
  if now >= (me.nextRegister or 0) then registration.register(me) end
  if me.registered and not me.upToDate then registration.subscribe(me, now) end
end

-- Asks the platform which properties to push and how (alwayson.md §6); pushes those.
function registration.subscribe(me, now)
  if now < (me.nextSubscribe or 0) then return end
  me.nextSubscribe = now + retryAfter
  local code, response = server.invoke("GetPropertySubscriptions", { options = { hasDeadband = true } }, me.edgeName)
  if code ~= 200 then return end
  local ok, answer = pcall(json.decode, response)
  if not ok or type(answer) ~= "table" or type(answer.rows) ~= "table" then return end
  for _, pt in ipairs(me.order) do
    pt.templatePushType = pt.templatePushType or pt.pushType
    pt.pushType = "NEVER"
  end
  for _, row in ipairs(answer.rows) do
    local pt = me.properties[row.edgeName]
    if pt then
      local pushType = string.upper(tostring(row.pushType or "VALUE"))
      pt.pushType = (pushType == "ALWAYS" or pushType == "NEVER") and pushType or "VALUE"
      pt.pushThreshold = tonumber(row.pushThreshold) or pt.pushThreshold
    else
      log.warn(me.name, "the platform wants pushes of %s, which is not a property here", tostring(row.edgeName))
    end
  end
  me.upToDate = true
  push.sort(me)
  push.forceAll(me)
end

return registration
