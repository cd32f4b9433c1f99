-- Requests to a Thing: properties, services, metadata.
local json = native.load("json")
local convert = native.load("convert")
local template = native.load("template")

local requests = {}

-- MARK: Properties

-- Reads through the property's handler; pt.value holds what came.
function requests.refresh(me, pt, headers, query)
  local ok, code, why = xpcall(function() return pt.handlerModule.read(me, pt, headers, query) end, debug.traceback)
  if not ok then
    pt.quality = "BAD"
    log.error(me.name, "handler %s, reading %s: %s", pt.handlerName, pt.name, code)
    return 500, "reading " .. pt.name .. " failed"
  end
  return code or 200, why
end

local function field(pt)
  local value, why = convert.to(pt.baseType, pt.value)
  if value == nil then return nil, pt.name .. ": " .. why end
  return value
end

function requests.readProperty(me, name, headers, query)
  if name == "upToDate" and not me.properties.upToDate then
    return 200, convert.single("upToDate", "BOOLEAN", me.upToDate)
  end
  local pt = me.properties[name]
  if not pt then return 404, me.name .. " has no property " .. name end
  local code, why = requests.refresh(me, pt, headers, query)
  if code ~= 200 then return code, why or "reading " .. name .. " failed" end
  local value
  value, why = field(pt)
  if value == nil then return 500, why end
  return 200, convert.single(name, pt.baseType, value, pt.description)
end

function requests.readAll(me, headers, query)
  local definitions, row = {}, {}
  for i, pt in ipairs(me.order) do
    requests.refresh(me, pt, headers, query)
    local value = field(pt)
    definitions[pt.name] = { name = pt.name, description = pt.description or "", baseType = pt.baseType, ordinal = i - 1, aspects = {} }
    row[pt.name] = value == nil and json.null or value
  end
  return 200, { dataShape = { fieldDefinitions = definitions }, rows = json.array({ row }) }
end

-- The new value in a body: { name = v }, { value = v }, or an infotable of either.
local function newValue(name, data)
  if type(data) ~= "table" then return nil end
  local row = data
  if data.rows and type(data.rows) == "table" and data.rows[1] ~= nil and data[name] == nil then
    row = data.rows[1]
    -- A table whose shape has no such field is itself the value.
    if type(row) ~= "table" or (row[name] == nil and row.value == nil) then return data end
  end
  if row[name] ~= nil then return row[name] end
  return row.value
end

function requests.writeProperty(me, name, headers, query, data)
  local pt = me.properties[name]
  if not pt then return 404, me.name .. " has no property " .. name end
  local value = newValue(name, data)
  if value == nil then return 400, "expected { \"" .. name .. "\": value } or { \"value\": value }" end
  local converted, why = convert.to(pt.baseType, value)
  if converted == nil then return 400, name .. ": " .. why end
  value = convert.from(pt.baseType, converted)
  local ok, code, text = xpcall(function() return pt.handlerModule.write(me, pt, headers, query, value) end, debug.traceback)
  if not ok then
    log.error(me.name, "handler %s, writing %s: %s", pt.handlerName, name, code)
    return 500, "writing " .. name .. " failed"
  end
  pt.nextScan = 0
  return code or 200, text
end

local function writeSeveral(me, headers, query, data)
  local row = type(data.rows) == "table" and data.rows[1] or data
  for name in pairs(row) do
    if not me.properties[name] then return 404, me.name .. " has no property " .. name end
  end
  for name, value in pairs(row) do
    local code, why = requests.writeProperty(me, name, headers, query, { value = value })
    if code ~= 200 then return code, why end
  end
  return 200
end

-- MARK: Services

local function parameters(definition, data)
  if type(data) == "table" and type(data.rows) == "table" and (data.dataShape or data.datashape) then data = data.rows[1] or {} end
  local result = {}
  for k, v in pairs(type(data) == "table" and data or {}) do if v ~= json.null then result[k] = v end end
  for _, input in ipairs(definition and definition.inputs or {}) do
    local value = result[input.name]
    if value ~= nil then result[input.name] = convert.from(input.baseType, value) end
  end
  return result
end

-- The infotable of a service's result, or nil and why there is none.
local function result(definition, content)
  local output = definition and definition.output
  local baseType = output and string.upper(output.baseType or "NOTHING") or (definition and "NOTHING" or nil)
  if baseType == nil then
    -- Undeclared: what the value itself tells.
    if content == nil then return {} end
    baseType = ({ boolean = "BOOLEAN", number = "NUMBER", table = "JSON" })[type(content)] or "STRING"
    if type(content) == "table" and (content.toTable or content.rows) then baseType = "INFOTABLE" end
  end
  if baseType == "NOTHING" then return {} end
  local value, why = convert.to(baseType, content)
  if value == nil then return nil, why end
  if baseType == "INFOTABLE" and value ~= json.null then
    if not value.dataShape and output and output.aspects and output.aspects.dataShape then
      local shape = template.dataShape(output.aspects.dataShape)
      value.dataShape = shape and shape:toTable() or nil
    end
    return value
  end
  return convert.single("result", baseType, value)
end

local function invoke(me, name, headers, query, data)
  local service = me.services[name]
  if type(service) ~= "function" then return 404, me.name .. " has no service " .. name end
  local definition = rawget(me.serviceDefinitions, name)
  local arguments = parameters(definition, data)
  local ok, code, content, answerHeaders = xpcall(function() return service(me, headers, query, arguments) end, debug.traceback)
  if not ok then
    log.error(me.name, "service %s: %s", name, code)
    return 500, name .. ": " .. (string.match(tostring(code), "^(.-)\nstack traceback") or tostring(code))
  end
  code = tonumber(code) or 200
  if code ~= 200 then return code, content ~= nil and tostring(content) or name .. " failed", answerHeaders end
  local answer, why = result(definition, content)
  if answer == nil then return 500, name .. ": " .. why end
  return 200, answer, answerHeaders
end

function requests.serviceList(me)
  local names = json.array()
  for name, service in pairs(me.services) do if type(service) == "function" then names[#names + 1] = name end end
  table.sort(names)
  return names
end

-- MARK: Metadata

local function fields(list)
  local definitions = {}
  for i, input in ipairs(list) do
    definitions[input.name] = {
      name = input.name, description = input.description or "", baseType = string.upper(input.baseType or "STRING"), ordinal = i - 1,
      aspects = input.aspects or {} }
  end
  return { fieldDefinitions = definitions }
end

local function metadata(me)
  local properties, services = {}, {}
  for name, pt in pairs(me.properties) do
    properties[name] = {
      name = name, description = pt.description or "", baseType = pt.baseType,
      aspects = { pushType = pt.templatePushType or pt.pushType, pushThreshold = pt.pushThreshold, cacheTime = pt.cacheTime, isReadOnly = false } }
  end
  for _, name in ipairs(requests.serviceList(me)) do
    local definition = rawget(me.serviceDefinitions, name) or { inputs = {}, description = "" }
    local output = definition.output or { baseType = "NOTHING" }
    services[name] = {
      name = name, description = definition.description, Inputs = fields(definition.inputs), aspects = {},
      Outputs = { name = "result", description = output.description or "", baseType = string.upper(output.baseType or "NOTHING"),
        fieldDefinitions = {}, aspects = output.aspects or {} } }
  end
  return {
    name = me.name, description = me.settings.description or "", isSystemObject = false, propertyDefinitions = properties,
    serviceDefinitions = services, eventDefinitions = {} }
end

function requests.addBuiltIn(me)
  local function add(name, output, f)
    if not me.services[name] then
      me.services[name] = f
      rawset(me.serviceDefinitions, name, { name = name, inputs = {}, output = output, description = "" })
    end
  end
  add("GetMetadata", { baseType = "JSON" }, function() return 200, metadata(me) end)
  add("NotifyPropertyUpdate", { baseType = "NOTHING" }, function()
    me.upToDate = false
    me.nextSubscribe = 0
    return 200
  end)
  add("GetPropertySubscriptions", { baseType = "INFOTABLE" }, function()
    local rows = json.array()
    for _, pt in ipairs(me.order) do
      rows[#rows + 1] = { edgeName = pt.name, pushType = pt.pushType, pushThreshold = pt.pushThreshold }
    end
    return 200, { rows = rows, dataShape = fields({
      { name = "edgeName" }, { name = "pushType" }, { name = "pushThreshold", baseType = "NUMBER" } }) }
  end)
  if not me.tasks.UpdatePropertyMap then me.tasks.UpdatePropertyMap = function() end end
end

-- MARK: HTTP

local function answer(code, content, headers)
  local text = type(content) == "table" and json.encode(content) or content
  local contentType = type(content) == "string" and "text/plain" or "application/json"
  if type(headers) == "table" then contentType = headers["Content-Type"] or headers["content-type"] or contentType end
  return code, contentType, text or "{}"
end

local function failure(code, text) return code, "application/json", json.encode({ error = text or "failed", code = code }) end

local function finish(code, content, headers)
  code = tonumber(code) or 500
  if code ~= 200 then return failure(code, type(content) == "table" and json.encode(content) or content) end
  return answer(code, content, headers)
end

-- kind: Properties or Services
function requests.handle(me, method, kind, name, headers, query, body)
  local data
  if body ~= "" and (method == "PUT" or method == "POST") then
    local ok, decoded = pcall(json.decode, body)
    if not ok then return failure(400, decoded) end
    if type(decoded) ~= "table" then return failure(400, "expected a JSON object as body") end
    data = decoded
  end
  kind = string.lower(kind)
  if kind == "properties" then
    if method == "GET" then
      if name == "" or name == "*" then return finish(requests.readAll(me, headers, query)) end
      return finish(requests.readProperty(me, name, headers, query))
    elseif method == "PUT" then
      if data == nil then return failure(400, "expected a JSON object with the new value as body") end
      if name == "" or name == "*" then return finish(writeSeveral(me, headers, query, data)) end
      return finish(requests.writeProperty(me, name, headers, query, data))
    end
  elseif kind == "services" then
    if method == "GET" and name == "" then return finish(200, requests.serviceList(me)) end
    if method == "POST" and name ~= "" then return finish(invoke(me, name, headers, query, data)) end
  else
    return failure(404, "expected Properties or Services, found " .. kind)
  end
  return failure(405, method .. " does not go with " .. kind)
end

return requests
