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

-- What paths are made of.
tw_utils.PATH_PROPS, tw_utils.PATH_SVCS = "Properties", "Services"

-- Now. → ms since 0001-01-01
function tw_utils.currentTime() return native.now() + epoch end

-- Pauses the script; its callbacks run meanwhile. Ends no earlier, and by 10 ms later at most where it is 100 ms or more;
-- at once where the script is to end. → kilobytes that the script's state holds
function tw_utils.psleep(milliseconds)
  native.keep()
  milliseconds = tonumber(milliseconds) or 0
  native.sleep(p_data.run and milliseconds or math.min(milliseconds, 1))
  return collectgarbage("count")
end

-- Percent-encodes all but letters, digits and -._~. → text
function tw_utils.uri_encode(text)
  return (string.gsub(tostring(text), "[^%w%-%._~]", function(c) return string.format("%%%02X", string.byte(c)) end))
end

local function path(thing, kind, item)
  return "/Thingworx/Things/" .. tostring(thing) .. "/" .. kind .. "/" .. tostring(item == nil and "" or item)
end

-- Path of a Thing's service at the gateway; names go in as they are. → text
function tw_utils.EMS_SVC_PATH(thing, service) return path(thing, "Services", service) end

-- Path of an event. → text
function tw_utils.EMS_EVENT_PATH(thing, event) return path(thing, "Events", event) end

-- Path of a property. → text
function tw_utils.EMS_PROP_PATH(thing, property) return path(thing, "Properties", property) end

-- Path of all properties with value, time and quality. → text
function tw_utils.EMS_PROPS_VTQ_PATH(thing) return path(thing, "PropertiesVTQ", "*") end

-- Puts the headers of a request into a table: content-type (application/json) and host (localhost). → the table that was
-- given, or a new one
function tw_utils.REQ_HEADERS(host, contentType, headers)
  headers = headers or {}
  headers["content-type"], headers.host = contentType or "application/json", host or "localhost"
  return headers
end

-- The same for an answer, with content-type alone. → the table that was given, or a new one
function tw_utils.RESP_HEADERS(contentType, headers)
  headers = headers or {}
  headers["content-type"] = contentType or "application/json"
  return headers
end

-- The text of a request's body: {} for nil and for an empty table, else JSON. → true and the text; false and why for what is
-- no table, or has no form in JSON
function tw_utils.encodeData(data)
  if data == nil then return true, "{}" end
  if type(data) ~= "table" then return false, "expected a table, found " .. type(data) end
  if next(data) == nil and getmetatable(data) == nil then return true, "{}" end
  return pcall(json.encode, data)
end

-- false is nil, false, 0 and "false" in any letter case; all else is true. → boolean
function tw_utils.toboolean(value)
  if type(value) == "string" then return string.lower(value) ~= "false" end
  if type(value) == "number" then return value ~= 0 end
  return value ~= nil and value ~= false
end

return tw_utils
