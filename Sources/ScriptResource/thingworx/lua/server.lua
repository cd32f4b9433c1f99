-- The platform, by way of the gateway. Functions return code, response. `thing` names a Thing, this one where it is missing.
local json = native.load("json")
local tw_ems = native.load("tw_ems")
local tw_utils = native.load("tw_utils")

-- available: the gateway answers; online: and the platform is there.
local server = { available = false, online = false }

-- After an answer that is not 200: is it the gateway that is away, or the platform?
local function check()
  local response, code = tw_ems.get(tw_utils.EMS_PROP_PATH("LocalEms", "isConnected"))
  local ok, answer = pcall(json.decode, tostring(response))
  local row = ok and type(answer) == "table" and (type(answer.rows) == "table" and answer.rows[1] or answer) or {}
  server.online = type(row) == "table" and (row.result == true or row.isConnected == true)
  server.available = code ~= 503 or server.online
end

local function swap(response, code)
  if code == 200 then
    server.available, server.online = true, true
  elseif code == 202 then
    -- The gateway keeps it for the platform: for scripts that is as good as done.
    server.available, server.online = true, false
    code = 200
  else
    check()
  end
  return code, response
end

-- A path of the platform, by way of the gateway. → status, response text. After another status than 200
-- server.available and server.online are found out.
function server.get(path) return swap(tw_ems.get(path)) end

-- As server.get, with a body: a text as it is, a table as JSON. → status, response
function server.put(path, data, headers) return swap(tw_ems.put(path, data, headers)) end

-- As server.put. → status, response
function server.post(path, data, headers) return swap(tw_ems.post(path, data, headers)) end

-- As server.get. → status, response
function server.delete(path) return swap(tw_ems.delete(path)) end

local function target(thing)
  if type(thing) == "table" then thing = thing.name end
  return thing or native.config.edgeName
end

-- An object with toTable is taken as what that returns.
local function plain(data)
  if type(data) == "table" and type(data.toTable) == "function" then return data:toTable() end
  return data
end

local function send(what, path, name, data)
  if name == nil then return 404, "expected the name of " .. what end
  local ok, text = tw_utils.encodeData(plain(data))
  if not ok then return 400, text end
  return server.post(path, text)
end

-- Invokes a service of a Thing; `data` are its parameters, a table or nil. → status, response; 404 without a service, 400
-- where the data are no table
function server.invoke(service, data, thing)
  return send("a service", tw_utils.EMS_SVC_PATH(target(thing), tostring(service)), service, data)
end

-- Invokes a service of the gateway itself. → as server.invoke
function server.invokeLocalEms(service, data) return server.invoke(service, data, "LocalEms") end

-- Invokes a service of the Thing named `me`. → as server.invoke
function server.invokeChannel(service, data) return server.invoke(service, data, "me") end

-- Fires an event of a Thing, with its data. → status, response; 404 without an event, 400 where the data are no table
function server.fireEvent(event, data, thing)
  return send("an event", tw_utils.EMS_EVENT_PATH(target(thing), tostring(event)), event, data)
end

-- Reads a property from the platform. → status, infotable as JSON text; 404 without a name
function server.getProperty(name, thing)
  if name == nil then return 404, "expected the name of a property" end
  return server.get(tw_utils.EMS_PROP_PATH(target(thing), name))
end

-- Writes a property of the platform: by name, with { <name> = v } or { value = v }; or by a property's own table, which is
-- then pushed with its time and quality. → status, response; 404 without a name, 400 where the data are no table
function server.setProperty(name, data, thing)
  if name == nil then return 404, "expected the name of a property" end
  if type(name) == "table" then return server.setProperties({ name }, thing) end
  if type(data) ~= "table" then return 400, "expected a table with the value, found " .. type(data) end
  local ok, text = tw_utils.encodeData(data)
  if not ok then return 400, text end
  return server.put(tw_utils.EMS_PROP_PATH(target(thing), name), text)
end

local fields = { name = "STRING", time = "DATETIME", quality = "STRING", value = "VARIANT" }

-- One message of rows that are ready to be sent, as text.
function server.pushText(rows)
  local definitions, sent = {}, {}
  for field, baseType in pairs(fields) do
    definitions[field] = { name = field, baseType = baseType, description = "", aspects = json.object() }
  end
  for index, row in ipairs(rows) do
    sent[index] = { name = row.name, time = row.time, quality = row.quality, value = { baseType = row.baseType, value = row.value } }
  end
  local ok, text = tw_utils.encodeData({ values = { dataShape = { fieldDefinitions = definitions }, rows = sent } })
  if not ok then return nil, text end
  return text
end

-- Sends such a message. `id` tells the platform that it is the same, where it is sent again.
function server.pushMessage(text, thing, id)
  if not text then return 400, "the changes have no form in JSON" end
  local headers = id and { ["X-Message-Id"] = id } or nil
  return server.post(tw_utils.EMS_SVC_PATH(target(thing), "UpdateSubscribedPropertyValues"), text, headers)
end

-- One message of rows that are ready to be sent.
function server.pushRows(rows, thing)
  local text, why = server.pushText(rows)
  if not text then return 400, why end
  return server.pushMessage(text, thing)
end

-- A property as a row; nil and why where its value has no form in its base type.
local function row(pt)
  local convert = native.load("convert")
  local baseType = string.upper(tostring(pt.baseType or "STRING"))
  local value, why = convert.to(baseType, pt.value)
  if value == nil then return nil, why end
  return { name = pt.name, baseType = baseType, value = value, time = convert.time(pt.time) or native.now(),
    quality = pt.quality or "UNKNOWN" }
end

-- Pushes properties, a list or a map of their tables, in batches of maxConcurrentPropertyUpdates; one that fails ends it.
-- What has no form in its base type is left out, with a warning. → status, response of the last batch; 404 for nil
function server.setProperties(list, thing)
  if list == nil then return 404, "expected properties" end
  if type(list) ~= "table" then return 400, "expected a table of properties, found " .. type(list) end
  local rows = {}
  for _, pt in orderedPairs(list) do
    if type(pt) == "table" then
      local made, why = row(pt)
      if made then rows[#rows + 1] = made else log.warn(native.config.name, "%s is not pushed: %s", tostring(pt.name), why) end
    end
  end
  local most = tonumber(p_data.maxConcurrentPropertyUpdates) or 100
  local code, response
  local first = 1
  repeat
    local batch = {}
    for index = first, math.min(first + most - 1, #rows) do batch[#batch + 1] = rows[index] end
    code, response = server.pushRows(batch, thing)
    first = first + most
  until code ~= 200 or first > #rows
  return code, response
end

return server
