-- Registering a Thing with the gateway and keeping it registered.
local json = native.load("json")
local push = native.load("thing_push")

local registration = {}

local retryAfter = 5000
-- Attempts to register follow one another quickly at first: mostly the gateway is just about to start.
local firstPause, longestPause = 250, 10000

local function succeeded(thing)
  local me = thing.me
  if me.registered then return end
  me.registered, thing.hasLeft = true, nil
  if thing.me.register ~= false and (not thing.wasRegistered or me.getPropertySubscriptionsOnReconnect == true) then
    registration.subscribe(thing)
  end
  thing.wasRegistered = true
  push.forceAll(thing)
end

function registration.register(thing)
  local me, config = thing.me, native.config
  if me.register == false then
    succeeded(thing)
    return 200, "this Thing does not register"
  end
  local parameters = {
    name = thing.edgeName, host = config.host, port = config.port, path = "/scripts/Thingworx", proto = config.proto,
      timeout = thing.rate("requestTimeout"),
    keepalive = thing.rate("keepAliveRate"), user = config.user, password = config.password, files = native.servesFiles,
  }
  -- Templates look into it.
  thing.scope.data = parameters
  local code, response = server.invokeLocalEms("AddEdgeThing", parameters)
  local now = native.now()
  if code ~= 200 then
    local why = tostring(response)
    if thing.registrationFailed ~= why then log.warn(thing.name, "not registered with the gateway, trying again: %s", why) end
    thing.registrationFailed = why
    me.registered = false
    thing.registerPause = math.min((thing.registerPause or firstPause / 2) * 2, longestPause)
    thing.nextRegister = now + thing.registerPause
    return code, response
  end
  thing.registrationFailed, thing.registerPause = nil, nil
  thing.nextRegister = now + thing.rate("registerRate")
  thing.nextKeepAlive = now + thing.rate("keepAliveRate")
  if not me.registered then log.info(thing.name, "registered with the gateway as %s", thing.edgeName) end
  succeeded(thing)
  return code, response
end

-- Also of a Thing that does not register: others may have registered it.
function registration.deregister(thing)
  thing.me.registered, thing.hasLeft = false, true
  return server.invokeLocalEms("RemoveEdgeThing", { name = thing.edgeName })
end

-- At the end; that the gateway is away is no error then.
function registration.leave(thing)
  if not thing.me.registered then return end
  local code, response = registration.deregister(thing)
  if code ~= 200 then log.warn(thing.name, "did not leave the gateway: %s", tostring(response)) end
end

local function isStillRegistered(thing)
  local code, response = server.invokeLocalEms("HasEdgeThing", { name = thing.edgeName })
  if code ~= 200 then return false end
  local ok, answer = pcall(json.decode, response)
  if not ok or type(answer) ~= "table" then return false end
  local row = type(answer.rows) == "table" and answer.rows[1] or answer
  return type(row) == "table" and (row.result == true or row.result == "true")
end

function registration.step(thing, now)
  local me = thing.me
  if me.registered and now >= (thing.nextKeepAlive or 0) then
    thing.nextKeepAlive = now + thing.rate("keepAliveRate")
    if not isStillRegistered(thing) and me.register ~= false then
      log.info(thing.name, "the gateway no longer knows this Thing, registering again")
      me.registered = false
      thing.nextRegister = 0
    end
  end
  if me.register == false then return me.registered or succeeded(thing) end
  if now >= (thing.nextRegister or 0) then registration.register(thing) end
end

local pushTypes = { ALWAYS = "ALWAYS", NEVER = "NEVER" }

-- Asks the platform which properties to push and how (alwayson.md section 6); pushes those. → status, response
function registration.subscribe(thing)
  local now, upToDate = native.now(), thing.properties.upToDate
  if now < (thing.nextSubscribe or 0) then return 503, "asked a moment ago" end
  thing.nextSubscribe = now + retryAfter
  upToDate.value = false
  local code, response = server.invoke("GetPropertySubscriptions", { options = { hasDeadband = true } }, thing.edgeName)
  if code ~= 200 then return code, response end
  local rows = {}
  if response ~= nil and string.find(response, "%S") then
    local ok, answer = pcall(json.decode, response)
    if not ok or type(answer) ~= "table" then return 502, "the subscriptions are no infotable: " .. tostring(response) end
    rows = type(answer.rows) == "table" and answer.rows or {}
  end
  if not thing.asDeclared then
    thing.asDeclared = { pushType = {}, pushThreshold = {} }
    for _, pt in ipairs(thing.order) do
      for key, kept in pairs(thing.asDeclared) do kept[pt.name] = pt[key] end
    end
  end
  for _, pt in ipairs(thing.order) do pt.pushType = "NEVER" end
  for _, row in ipairs(rows) do
    local pt = type(row) == "table" and row.edgeName ~= nil and thing.properties[row.edgeName]
    if pt then
      pt.pushType = pushTypes[string.upper(tostring(row.pushType or "VALUE"))] or "VALUE"
      pt.pushThreshold = tonumber(row.pushThreshold) or 0
    else
      log.warn(thing.name, "the platform wants pushes of %s, which is not a property here",
        type(row) == "table" and tostring(row.edgeName) or tostring(row))
    end
  end
  upToDate.value = true
  thing.me.initialPropertySubscriptionsAcquired = true
  push.sort(thing)
  push.forceAll(thing)
  return code, response
end

return registration
