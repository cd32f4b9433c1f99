-- A Thing's services.
local json = native.load("json")
local convert = native.load("convert")
local template = native.load("template")

local services = {}

-- What every Thing has, unless its template has a service of that name; thing_load.lua puts them in.
services.builtIn = {
  GetMetadata = { inputs = {}, output = { baseType = "JSON" }, description = "", f = function(me) return 200, native.once("thing_metadata")(me) end },
  NotifyPropertyUpdate = { inputs = {}, output = { baseType = "NOTHING" }, description = "", f = function(me)
    me.upToDate = false
    me.nextSubscribe = 0
    return 200
  end },
  GetPropertySubscriptions = { inputs = {}, output = { baseType = "INFOTABLE" }, description = "", f = function(me)
    local rows = json.array()
    for _, pt in ipairs(me.order) do
      rows[#rows + 1] = { edgeName = pt.name, pushType = pt.pushType, pushThreshold = pt.pushThreshold }
    end
    return 200, { rows = rows, dataShape = native.load("tw_datashape").createDataShape("edgeName"):addField("pushType"):addField("pushThreshold", "NUMBER"):toTable() }
  end },
}

function services.definition(me, name) return rawget(me.serviceDefinitions, name) or services.builtIn[name] end

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
local function result(me, definition, content)
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
    local shape = output and output.aspects and output.aspects.dataShape and template.dataShape(output.aspects.dataShape)
    if shape and me.settings.useShapes ~= false then return convert.shaped(shape, value) end
    if shape and not value.dataShape then value.dataShape = shape:toTable() end
    return value
  end
  return convert.single("result", baseType, value)
end

function services.invoke(me, name, headers, query, data)
  local service = me.services[name]
  if type(service) ~= "function" then return 404, me.name .. " has no service " .. name end
  local definition = services.definition(me, name)
  local arguments = parameters(definition, data)
  local ok, code, content, answerHeaders = xpcall(service, debug.traceback, me, headers, query, arguments)
  if not ok then
    log.error(me.name, "service %s: %s", name, code)
    return 500, name .. ": " .. (string.match(tostring(code), "^(.-)\nstack traceback") or tostring(code))
  end
  code = tonumber(code) or 200
  if code ~= 200 then return code, content ~= nil and tostring(content) or name .. " failed", answerHeaders end
  local answer, why = result(me, definition, content)
  if answer == nil then return 500, name .. ": " .. why end
  return 200, answer, answerHeaders
end

-- Those of the template and its shapes, and those that every Thing has.
function services.list(me)
  local names = json.array()
  for name, service in pairs(me.services) do if type(service) == "function" then names[#names + 1] = name end end
  table.sort(names)
  return names
end

return services
