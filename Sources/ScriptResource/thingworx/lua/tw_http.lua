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

local function methods(tls, suffix)
  tw_http["get" .. suffix] = function(host, port, path, headers, query) return call(tls, "GET", host, port, target(path, query), headers) end
  tw_http["post" .. suffix] = function(host, port, path, data, headers) return call(tls, "POST", host, port, target(path), headers, data) end
  tw_http["put" .. suffix] = function(host, port, path, data, headers) return call(tls, "PUT", host, port, target(path), headers, data) end
  tw_http["delete" .. suffix] = function(host, port, path, headers, query) return call(tls, "DELETE", host, port, target(path, query), headers) end
end

methods(false, "")
methods(true, "Ssl")

local callbacks = {}

local function segments(path)
  local list = {}
  for segment in string.gmatch(path, "[^/]+") do list[#list + 1] = segment end
  return list
end

-- f(method, path, headers, query, data) -> code, headers, content; called for /scripts/<script>/<path>.
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

-- The callback for a path: the longest that matches.
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
