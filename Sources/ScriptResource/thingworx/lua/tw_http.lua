-- HTTP to any host, and the callbacks by which others reach this script.
local tw_utils = native.load("tw_utils")
local tw_http = {}

local function target(path, query)
  if type(query) == "table" then
    local items = {}
    for k, v in pairs(query) do items[#items + 1] = tw_utils.uri_encode(k) .. "=" .. tw_utils.uri_encode(v) end
    if #items > 0 then path = path .. (string.find(path, "?", 1, true) and "&" or "?") .. table.concat(items, "&") end
  elseif type(query) == "string" and query ~= "" then
    path = path .. "?" .. query
  end
  return string.sub(path, 1, 1) == "/" and path or "/" .. path
end

-- response, code, headers; on failure nil, 503 or 504, nil, why.
local function call(tls, method, host, port, path, headers, body)
  local ok, text = tw_utils.encodeData(body)
  if not ok then error("the body cannot be encoded: " .. tostring(text), 3) end
  return native.http({ method = method, tls = tls, host = host, port = tonumber(port), path = path, headers = headers, body = text })
end

-- GET from any host. `query` is a table or a text. → response text, status, headers; where there is no answer nil, 503
-- (504 after requestTimeout), nil, why. Raises an error for a path or header that cannot be sent.
function tw_http.get(host, port, path, headers, query) return call(false, "GET", host, port, target(path, query), headers) end

-- POST of a text, or of a table as JSON. → as tw_http.get
function tw_http.post(host, port, path, data, headers) return call(false, "POST", host, port, target(path), headers, data) end

-- As tw_http.post. → as tw_http.get
function tw_http.put(host, port, path, data, headers) return call(false, "PUT", host, port, target(path), headers, data) end

-- → as tw_http.get
function tw_http.delete(host, port, path, headers, query) return call(false, "DELETE", host, port, target(path, query), headers) end

-- As tw_http.get, over TLS. The certificate is checked as config.lua says for the gateway. → as tw_http.get
function tw_http.getSsl(host, port, path, headers, query) return call(true, "GET", host, port, target(path, query), headers) end

-- As tw_http.post, over TLS. → as tw_http.get
function tw_http.postSsl(host, port, path, data, headers) return call(true, "POST", host, port, target(path), headers, data) end

-- As tw_http.put, over TLS. → as tw_http.get
function tw_http.putSsl(host, port, path, data, headers) return call(true, "PUT", host, port, target(path), headers, data) end

-- As tw_http.delete, over TLS. → as tw_http.get
function tw_http.deleteSsl(host, port, path, headers, query) return call(true, "DELETE", host, port, target(path, query), headers) end

local callbacks = {}

local function segments(path)
  local list = {}
  for segment in string.gmatch(path, "[^/]+") do list[#list + 1] = segment end
  return list
end

-- Has /scripts/<script>/<path> answered by a function, or by the function of that name in the caller's scope: f(method,
-- path, headers, query, data) returns status, headers, content. `path` is a list of segments; the longest registered
-- path that matches is taken. Raises an error for what is no function.
function tw_http.registerCallback(path, f)
  local environment = getfenv(2)
  if type(f) ~= "string" and type(f) ~= "function" then error("registerCallback: expected a function or its name, found " .. type(f), 2) end
  callbacks[#callbacks + 1] = { segments = segments(path), f = f, environment = environment }
  table.sort(callbacks, function(a, b) return #a.segments > #b.segments end)
end

local function matches(prefix, path)
  for i, segment in ipairs(prefix) do if path[i] ~= segment then return false end end
  return true
end

-- The callback for a list of segments. → function, or nil and why there is none
function tw_http.find(path)
  for _, callback in ipairs(callbacks) do
    if matches(callback.segments, path) then
      local f = callback.f
      if type(f) == "string" then f = callback.environment[f] end
      if type(f) ~= "function" then return nil, "the callback function " .. tostring(callback.f) .. " is not there" end
      return f
    end
  end
  return nil, "no callback is registered for /" .. table.concat(path, "/")
end

return tw_http
