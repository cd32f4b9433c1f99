-- The platform, by way of the gateway. Functions return code, response.
local json = native.load("json")
local tw_ems = native.load("tw_ems")
local tw_utils = native.load("tw_utils")

local server = { available = false, online = false }

-- After an answer that is not 200: is it the gateway that is away, or the platform?
local function check()
  local response, code = tw_ems.get(tw_utils.EMS_PROP_PATH("LocalEms", "isConnected"))
  server.available = code == 200
  local ok, answer = pcall(json.decode, response or "")
  server.online = code == 200 and ok and type(answer) == "table" and answer.rows ~= nil and answer.rows[1] ~= nil and answer.rows[1].isConnected == true
end

local function swap(response, code)
  if code == 200 then
    server.available, server.online = true, true
  else
    check()
  end
  return code, response
end

-- A path of the platform, by way of the gateway. → status, response text. After another status than 200
-- server.available tells whether the gateway answers, and server.online whether the platform is there.
function server.get(path, headers) return swap(tw_ems.get(path, headers)) end

-- As server.get, with a body: a text as it is, a table as JSON. → status, response
function server.put(path, data, headers) return swap(tw_ems.put(path, data, headers)) end

-- As server.put. → status, response
function server.post(path, data, headers) return swap(tw_ems.post(path, data, headers)) end

-- As server.get. → status, response
function server.delete(path, headers) return swap(tw_ems.delete(path, headers)) end

local function target(thing)
  if type(thing) == "table" then thing = thing.name end
  return thing or native.config.edgeName
end

-- Invokes a service of a Thing (by name, or a table with `name`), of this one unless given. `data` are its parameters.
-- → status, response
function server.invoke(service, data, thing) return server.post(tw_utils.EMS_SVC_PATH(target(thing), service), data or {}) end

-- Invokes a service of the gateway itself. → status, response
function server.invokeLocalEms(service, data) return server.post(tw_utils.EMS_SVC_PATH("LocalEms", service), data or {}) end

-- The same under an older name. → status, response
function server.invokeChannel(service, data) return server.invokeLocalEms(service, data) end

-- Fires an event of a Thing, of this one unless given, with its data. → status, response
function server.fireEvent(event, data, thing) return server.post(tw_utils.EMS_EVENT_PATH(target(thing), event), data or {}) end

-- Reads a property from the platform. → status, infotable as JSON text
function server.getProperty(name, thing) return server.get(tw_utils.EMS_PROP_PATH(target(thing), name)) end

-- Writes a property of the platform: by name and value, or by a property's own table. → status, response
function server.setProperty(name, data, thing)
  if type(name) == "table" then name, data = name.name, name.value end
  if type(data) ~= "table" or data[name] == nil then data = { [name] = data } end
  return server.put(tw_utils.EMS_PROP_PATH(target(thing), name), data)
end

-- Pushes a list of properties { name, baseType, value, time, quality } in one message. → status, response
function server.setProperties(list, thing)
  local rows = json.array()
  for _, p in ipairs(list) do
    rows[#rows + 1] = {
      name = p.name, time = p.time or native.now(), quality = p.quality or "GOOD",
      value = { baseType = p.baseType or "STRING", value = p.value },
    }
  end
  return server.invoke("UpdateSubscribedPropertyValues", { values = {
    dataShape = { fieldDefinitions = {
      name = { name = "name", baseType = "STRING", ordinal = 0 }, value = { name = "value", baseType = "VARIANT", ordinal = 1 },
      time = { name = "time", baseType = "DATETIME", ordinal = 2 }, quality = { name = "quality", baseType = "STRING", ordinal = 3 } } },
    rows = rows,
  } }, thing)
end

return server
