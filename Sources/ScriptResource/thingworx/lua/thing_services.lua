-- A Thing's services.
local json = native.load("json")
local convert = native.load("convert")

local services = {}

-- What the service gets: row 1 of an infotable, else the object, without nulls; declared base types are made of what JSON has.
local function parameters(definition, data)
  if type(data) == "table" and type(data.rows) == "table" and (data.dataShape or data.datashape) then data = data.rows[1] end
  local result = {}
  for k, v in pairs(type(data) == "table" and data or {}) do if v ~= json.null then result[k] = v end end
  for name, input in pairs(definition and definition.inputs or {}) do
    local value = result[name]
    if value ~= nil then result[name] = convert.from(input.baseType, value) end
  end
  return result
end

-- Text that a service gives for an infotable is passed through, if it is one.
local function infotable(thing, output, content)
  local value, why = convert.to("INFOTABLE", content, true)
  if value == nil then return nil, why end
  if type(content) == "string" then return content end
  local shape = output.aspects and output.aspects.dataShape and DataShape[output.aspects.dataShape]
  if shape and value.dataShape == nil then value = { dataShape = shape:toTable(), rows = value.rows } end
  value.rows = value.rows or {}
  return value
end

-- The infotable of a service's result, "" where there is none to give; or nil and why.
local function result(thing, definition, content)
  local output = definition and definition.output
  local baseType = output and output.baseType or "NOTHING"
  if baseType == "NOTHING" then return "" end
  if baseType == "INFOTABLE" then return infotable(thing, output, content) end
  local value, why = convert.to(baseType, content, true)
  if value == nil then return nil, why end
  return convert.single("result", baseType, value, output.description, output.aspects)
end

-- code, content, headers. One guide of the original says code, headers, content: taken where it can be nothing else.
local function ordered(code, content, headers)
  if type(content) == "table" and headers ~= nil and type(headers) ~= "table" and native.headers(content)["content-type"] ~= nil then
    return code, headers, content
  end
  return code, content, type(headers) == "table" and headers or nil
end

-- → status, content (text, or a table to be written as JSON), headers
function services.invoke(thing, name, headers, query, data)
  local service = thing.services[name]
  if type(service) ~= "function" then return 404, thing.name .. " has no service " .. tostring(name) end
  local definition = thing.definitions[name]
  local ok, code, content, answerHeaders = xpcall(service, debug.traceback, thing.me, headers, query, parameters(definition, data))
  if not ok then
    log.error(thing.name, "service %s: %s", name, tostring(code))
    return 500, string.match(tostring(code), "^(.-)\nstack traceback") or tostring(code)
  end
  code, content, answerHeaders = ordered(code, content, answerHeaders)
  code = tonumber(code) or 200
  if code ~= 200 then
    if type(content) == "table" then content = json.encode(content) end
    return code, content ~= nil and tostring(content) or name .. " failed", answerHeaders
  end
  -- It is the object itself.
  if name == "GetMetadata" and type(content) == "table" then return 200, content, answerHeaders end
  local answer, why = result(thing, definition, content)
  if answer == nil then return 500, name .. ": " .. why end
  return 200, answer, answerHeaders
end

-- Those of the template, of its shapes, and those that every Thing has.
function services.list(thing)
  local names = {}
  for name, service in pairs(thing.services) do if type(service) == "function" then names[#names + 1] = name end end
  table.sort(names)
  return names
end

return services
