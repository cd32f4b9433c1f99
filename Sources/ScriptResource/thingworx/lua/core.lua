-- Requests to a Thing's properties and services (lua-library.md, section 10).
local json = native.load("json")

local function isJSON(headers)
  local contentType = native.headers(headers)["content-type"]
  return type(contentType) == "string" and string.find(string.lower(contentType), "application/json", 1, true) ~= nil
end

-- status, headers, body. Errors are the text itself.
local function finish(code, content, headers)
  code = tonumber(code) or 500
  local contentType = "application/json"
  if type(content) == "table" then
    local ok, text = pcall(json.encode, content)
    if not ok then code = 500 end
    content = text
  end
  if code ~= 200 then contentType = "text/plain; charset=utf-8" end
  if headers == nil then headers = { ["content-type"] = contentType }
  elseif native.headers(headers)["content-type"] == nil then headers["content-type"] = contentType end
  return code, headers, content ~= nil and tostring(content) or ""
end

-- The table that a request's body holds; nil where it has none. For what is none: false, a status and why.
local function decoded(headers, body, data, isNeeded)
  if data ~= nil and (type(data) ~= "table" or data.content == nil) then return data end
  if data ~= nil then body = tostring(data.content) end
  if data == nil and not isJSON(headers) and (isNeeded or body ~= "") then
    return false, 400, "expected the content type application/json"
  end
  if not string.find(body, "%S") then return nil end
  local ok, value = pcall(json.decode, body)
  if not ok then return false, 400, value end
  if type(value) ~= "table" then return false, 400, "expected a JSON object as body" end
  return value
end

-- The template's own function of that name, or the library's.
local function own(thing, name) return rawget(thing.template, name) end

local function all(thing, method, name, headers, query, body, data)
  local properties = native.load("thing_properties")
  if method == "GET" then
    if name == "*" then return finish(properties.readAll(thing, headers, query)) end
    return finish(thing.me:getProperties(headers, query))
  end
  if method ~= "PUT" or name ~= "*" then return finish(405, method .. " does not go with Properties") end
  local values, code, why = decoded(headers, body, data, true)
  if values == false then return finish(code, why) end
  if values == nil then return finish(400, "expected a JSON object of properties as body") end
  if own(thing, "setProperties") then return finish(thing.me:setProperties(headers, query, values)) end
  return finish(properties.writeSeveral(thing, headers, query, values))
end

local function property(thing, method, name, headers, query, body, data)
  if name == "" or name == "*" then return all(thing, method, name, headers, query, body, data) end
  local properties = native.load("thing_properties")
  local pt = thing.properties[name]
  if method ~= "GET" and method ~= "PUT" then return finish(405, method .. " does not go with Properties") end
  if not pt then return finish(404, thing.name .. " has no property " .. name) end
  if method == "GET" then return finish(properties.read(thing, pt, headers, query)) end
  local values, code, why = decoded(headers, body, data, true)
  if values == false then return finish(code, why) end
  if values == nil then return finish(400, "expected a JSON object with the new value as body") end
  return finish(properties.write(thing, pt, headers, query, values))
end

local function service(thing, method, name, headers, query, body, data)
  local services = native.load("thing_services")
  if name == "" then
    if method == "GET" then return finish(thing.me:getServices(headers, query)) end
    return finish(404, "expected the name of a service")
  end
  if type(thing.services[name]) ~= "function" then return finish(404, thing.name .. " has no service " .. name) end
  if method ~= "POST" then return finish(405, method .. " does not go with Services") end
  local values, code, why = decoded(headers, body, data, true)
  if values == false then return finish(code, why) end
  return finish(services.invoke(thing, name, headers, query, values))
end

local kinds = { Properties = property, Services = service }

-- A request for the Thing of this script: the path is a list of segments.
function native.core(method, path, headers, query, body, data)
  local thing = native.state
  if #path == 0 then return 200, { ["content-type"] = "text/plain; charset=utf-8" }, thing.name .. ": Properties and Services are below" end
  local f = kinds[path[1]]
  if not f then return finish(404, "expected Properties or Services, found " .. tostring(path[1])) end
  return f(thing, method, table.concat(path, "/", 2), headers, query, body or "", data)
end

-- The same for what the gateway asks for most, without a list.
function native.thing(method, kind, name, headers, query, body)
  local f = kinds[kind]
  if not f then return finish(404, "expected Properties or Services, found " .. kind) end
  return f(native.state, method, name, native.headers(headers), query, body)
end

-- For templates that answer requests themselves: data as a callback gets it. → status, headers, body
function core_handler(method, path, headers, query, data) return native.core(method, path or {}, headers, query, "", data or {}) end
function dispatch_properties(method, path, headers, query, data)
  return property(native.state, method, path and path[2] or "", headers, query, "", data or {})
end
function dispatch_services(method, path, headers, query, data)
  return service(native.state, method, path and path[2] or "", headers, query, "", data or {})
end

-- Whether a request's headers say that its body is JSON.
is_json = isJSON

return true
