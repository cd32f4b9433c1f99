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

function server.get(path, headers) return swap(tw_ems.get(path, headers)) end
function server.put(path, data, headers) return swap(tw_ems.put(path, data, headers)) end
function server.post(path, data, headers) return swap(tw_ems.post(path, data, headers)) end
function server.delete(path, headers) return swap(tw_ems.delete(path, headers)) end

local function target(thing)
  if type(thing) == "table" then thing = thing.name end
  return thing or native.config.edgeName
end

function server.invoke(service, data, thing) return server.post(tw_utils.EMS_SVC_PATH(target(thing), service), data or {}) end
function server.invokeLocalEms(service, data) return server.post(tw_utils.EMS_SVC_PATH("LocalEms", service), data or {}) end
function server.fireEvent(event, data, thing) return server.post(tw_utils.EMS_EVENT_PATH(target(thing), event), data or {}) end
function server.getProperty(name, thing) return server.get(tw_utils.EMS_PROP_PATH(target(thing), name)) end

-- setProperty(name, value, thing), or setProperty(property) with a property's own table.
function server.setProperty(name, data, thing)
  if type(name) == "table" then name, data = name.name, name.value end
  if type(data) ~= "table" or data[name] == nil then data = { [name] = data } end
  return server.put(tw_utils.EMS_PROP_PATH(target(thing), name), data)
end

-- Pushes a list of properties { name, baseType, value, time, quality } in one message.
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
