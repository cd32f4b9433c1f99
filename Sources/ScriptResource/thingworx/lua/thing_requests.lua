-- A request to a Thing, as the gateway forwards it.
local json = native.load("json")

local function failure(code, text) return code, "application/json", json.encode({ error = text, code = code }) end

-- status, content type, body
local function finish(code, content, headers)
  code = tonumber(code) or 500
  if type(content) == "table" then
    local ok, text = pcall(json.encode, content)
    if not ok then return failure(500, text) end
    if code == 200 then return code, type(headers) == "table" and headers["Content-Type"] or "application/json", text end
    content = text
  end
  if code ~= 200 then return failure(code, content or "failed") end
  local contentType = content and "text/plain" or "application/json"
  if type(headers) == "table" then contentType = headers["Content-Type"] or headers["content-type"] or contentType end
  return code, contentType, content or "{}"
end

-- kind: Properties or Services
return function(me, method, kind, name, headers, query, body)
  local data
  if body ~= "" and (method == "PUT" or method == "POST") then
    local ok, decoded = pcall(json.decode, body)
    if not ok then return finish(400, decoded) end
    if type(decoded) ~= "table" then return finish(400, "expected a JSON object as body") end
    data = decoded
  end
  kind = string.lower(kind)
  if kind == "properties" then
    local properties = native.load("thing_properties")
    if method == "GET" then
      if name == "" or name == "*" then return finish(properties.readAll(me, headers, query)) end
      return finish(properties.read(me, name, headers, query))
    elseif method == "PUT" then
      if data == nil then return finish(400, "expected a JSON object with the new value as body") end
      if name == "" or name == "*" then return finish(properties.writeSeveral(me, headers, query, data)) end
      return finish(properties.write(me, name, headers, query, data))
    end
  elseif kind == "services" then
    local services = native.load("thing_services")
    if method == "GET" and name == "" then return finish(200, services.list(me)) end
    if method == "POST" and name ~= "" then return finish(services.invoke(me, name, headers, query, data)) end
  else
    return finish(404, "expected Properties or Services, found " .. kind)
  end
  return finish(405, method .. " does not go with " .. kind)
end
