-- Helpers that scripts use: times, encodings, paths and headers of the gateway's REST interface. Those that every Thing needs are here,
-- the others in tw_utils_more.lua, which is loaded when one of them is looked up.
local json = native.load("json")

-- Milliseconds from 0001-01-01 to 1970-01-01.
local epoch = 62135596800000

local tw_utils = setmetatable({}, {
  __index = function(functions, name)
    setmetatable(functions, nil)
    native.once("tw_utils_more", functions, epoch)
    return functions[name]
  end,
})

-- Now. → ms since 0001-01-01
function tw_utils.currentTime() return native.now() + epoch end

-- Pauses the script; its callbacks run meanwhile. Ends no earlier, and by 10 ms later at most where it is 100 ms or
-- more.
function tw_utils.psleep(milliseconds)
  native.keep()
  native.sleep(milliseconds or 0)
end

-- Percent-encodes all but letters, digits and -._~. → text
function tw_utils.uri_encode(text)
  return (string.gsub(tostring(text), "[^%w%-%._~]", function(c) return string.format("%%%02X", string.byte(c)) end))
end

local function thing(name, kind, item)
  local path = "/Thingworx/Things/" .. string.gsub(tw_utils.uri_encode(name), "%%2A", "*") .. "/" .. kind
  return item and item ~= "" and path .. "/" .. tw_utils.uri_encode(item) or path
end

-- Path of a Thing's service at the gateway. → text
function tw_utils.EMS_SVC_PATH(name, service) return thing(name, "Services", service) end

-- Path of an event. → text
function tw_utils.EMS_EVENT_PATH(name, event) return thing(name, "Events", event) end

-- Path of a property; of all without a name. → text
function tw_utils.EMS_PROP_PATH(name, property) return thing(name, "Properties", property) end

-- Path that takes values with time and quality. → text
function tw_utils.EMS_PROPS_VTQ_PATH(name) return thing(name, "Services", "UpdateSubscribedPropertyValues") end

local function merged(headers, more)
  for k, v in pairs(more or {}) do headers[k] = v end
  return headers
end

-- Headers of a request: Host, Content-Type (application/json unless given), Accept, and more of your own. → table
function tw_utils.REQ_HEADERS(host, contentType, more)
  return merged({ Host = host, ["Content-Type"] = contentType or "application/json", Accept = "application/json" }, more)
end

-- Headers of an answer: Content-Type (application/json unless given), and more of your own. → table
function tw_utils.RESP_HEADERS(contentType, more) return merged({ ["Content-Type"] = contentType or "application/json" }, more) end

-- The text of a request's body: "" for nil, a text as it is, else JSON. → true and the text, or false and why there is
-- none
function tw_utils.encodeData(data)
  if data == nil then return true, "" end
  if type(data) == "string" then return true, data end
  local ok, text = pcall(json.encode, data)
  return ok, text
end

-- A value as text, tables as JSON. → text
function tw_utils.toString(value)
  if type(value) == "table" then return json.encode(value) end
  return tostring(value)
end

return tw_utils
