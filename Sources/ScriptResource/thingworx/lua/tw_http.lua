-- HTTP to any host, and the callbacks by which others reach this script.
local tw_utils = native.load("tw_utils")
local tw_http = {}

local function encoded(fields)
  local items = {}
  for k, v in orderedPairs(fields) do items[#items + 1] = tw_utils.uri_encode(k) .. "=" .. tw_utils.uri_encode(v) end
  return table.concat(items, "&")
end

local function target(path, query)
  path = tostring(path or "/")
  if type(query) == "table" then
    local text = encoded(query)
    if text ~= "" then path = path .. (string.find(path, "?", 1, true) and "&" or "?") .. text end
  elseif query ~= nil and tostring(query) ~= "" then
    path = path .. "?" .. tostring(query)
  end
  return string.sub(path, 1, 1) == "/" and path or "/" .. path
end

-- response, code, headers; on failure nil, 503 or 504, nil, why.
local function call(tls, method, host, port, path, headers, body)
  local request = { method = method, tls = tls, host = host, port = tonumber(port), path = path, headers = headers, body = body }
  if type(body) == "table" then
    request.body, request.contentType = encoded(body), "application/x-www-form-urlencoded"
  elseif body ~= nil then
    request.body = tostring(body)
  elseif method == "POST" or method == "PUT" then
    request.body = ""
  end
  local ok, response, code, answerHeaders, why = pcall(native.http, request)
  if not ok then return nil, 400, nil, tostring(response) end
  return response, code, answerHeaders and native.headers(answerHeaders), why
end

-- GET from any host; headers and query are tables, and may be missing. → response text, status, headers; where there is no
-- answer nil, 503 (504 after requestTimeout), nil, why; 400 in place of 503 for what cannot be sent
function tw_http.get(host, port, path, headers, query) return call(false, "GET", host, port, target(path, query), headers) end

-- POST of a text as it is, or of a table as the fields of a form. → as tw_http.get
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

-- Has /scripts/<script>/<path>, or all of the script's with "/", answered by the function of that name, which is looked up
-- at each request: among the caller's names, then the globals. A function may stand in place of its name. It is called as
-- f(method, path, headers, query, data) and returns a status; a status and a text; or a status, headers and a text.
-- `path` is a list of segments. The longest registered path that fits is taken. Raises an error for what is no function.
function tw_http.registerCallback(path, name)
  if type(path) ~= "string" then error("registerCallback: expected a path, found " .. type(path), 2) end
  if type(name) ~= "string" and type(name) ~= "function" then
    error("registerCallback: expected a function's name, found " .. type(name), 2)
  end
  local callback = { path = path, segments = segments(path), f = name, environment = getfenv(2) }
  native.registered(table.concat(callback.segments, "/"))
  for index, known in ipairs(callbacks) do
    if table.concat(known.segments, "/") == table.concat(callback.segments, "/") then
      callbacks[index] = callback
      return
    end
  end
  callbacks[#callbacks + 1] = callback
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
      if type(f) == "string" then f = callback.environment[f] or _G[f] end
      if type(f) ~= "function" then return nil, "the callback function " .. tostring(callback.f) .. " is not there" end
      return f
    end
  end
  return nil, "no callback is registered for /" .. table.concat(path, "/")
end

return tw_http
