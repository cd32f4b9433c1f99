-- Requests to the gateway. Each returns response, code.
local tw_utils = native.load("tw_utils")
local tw_ems = {}

local function call(method, path, data, headers)
  local ok, text = tw_utils.encodeData(data)
  if not ok then error("the body cannot be encoded: " .. tostring(text), 3) end
  local response, code, _, why = native.http({ gateway = true, method = method, path = path, headers = headers, body = text })
  return response or why, code
end

-- Each asks the gateway for a path such as /Thingworx/Things/LocalEms/Properties/isConnected, with the credentials of
-- config.lua. → response text, status; where there is no answer why, and 503, or 504 after requestTimeout. Raises an
-- error where the body cannot be encoded.
function tw_ems.get(path, headers) return call("GET", path, nil, headers) end

-- As tw_ems.get, with a body: a text as it is, a table as JSON. → response, status
function tw_ems.put(path, data, headers) return call("PUT", path, data, headers) end

-- As tw_ems.put. → response, status
function tw_ems.post(path, data, headers) return call("POST", path, data, headers) end

-- As tw_ems.get. → response, status
function tw_ems.delete(path, headers) return call("DELETE", path, nil, headers) end

return tw_ems
