-- Requests to the gateway, with the credentials of config.lua. Each returns response, code: in that order.
local json = native.load("json")
local tw_ems = {}

local function call(method, path, data, headers)
  if type(path) ~= "string" then return "expected a path, found " .. type(path), 400 end
  local body = data
  if type(data) == "table" then
    local ok, text = pcall(json.encode, data)
    if not ok then return text, 400 end
    body = text
  elseif data ~= nil then
    body = tostring(data)
  end
  local ok, response, code, _, why = pcall(native.http, { gateway = true, method = method, path = path, headers = headers,
    body = body or "" })
  if not ok then return tostring(response), 400 end
  return response or why, code
end

-- Asks the gateway for a path such as /Thingworx/Things/LocalEms/Properties/isConnected. → response text, status; where
-- there is no answer why, and 503, or 504 after requestTimeout; 400 for what cannot be sent
function tw_ems.get(path, headers) return call("GET", path, nil, headers) end

-- As tw_ems.get, with a body: a text as it is, a table as JSON. → response, status
function tw_ems.put(path, data, headers) return call("PUT", path, data, headers) end

-- As tw_ems.put. → response, status
function tw_ems.post(path, data, headers) return call("POST", path, data, headers) end

-- As tw_ems.get. → response, status
function tw_ems.delete(path, headers) return call("DELETE", path, nil, headers) end

return tw_ems
