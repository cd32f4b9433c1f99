-- What a Thing tells of itself: the answer of GetMetadata (lua-library.md, section 9.4). Asked for so seldom that it is loaded each time.
local json = native.load("json")
local convert = native.load("convert")
local properties = native.load("thing_properties")

-- The data shape of that name as it stands in metadata; nil, and an error in the log, where it is not declared.
local function shaped(what, aspects)
  local name = type(aspects) == "table" and aspects.dataShape
  local shape = DataShape[name]
  if shape then return shape:toTable().fieldDefinitions end
  log.error(native.state.name, "GetMetadata leaves out %s: the data shape %s is not declared", what, tostring(name))
end

local function withShape(thing, name, pt, definition)
  if not thing.useShapes then
    definition.aspects.dataShape = "None"
    definition.dataShape = { aspects = { dataShape = "None" }, fieldDefinitions = json.object() }
    return definition
  end
  local fields = shaped("the property " .. name, pt)
  if not fields then return nil end
  definition.aspects.dataShape = pt.dataShape
  definition.dataShape = { aspects = { dataShape = pt.dataShape }, fieldDefinitions = fields }
  return definition
end

local function property(thing, name, pt)
  local aspects = {
    isPersistent = false, isReadOnly = false, dataChangeType = pt.dataChangeType, dataChangeThreshold = pt.dataChangeThreshold,
      cacheTime = pt.cacheTime,
    pushType = properties.declared(pt, "pushType"), pushThreshold = properties.declared(pt, "pushThreshold"),
  }
  if pt.baseType ~= "INFOTABLE" then aspects.defaultValue = convert.to(pt.baseType, pt.value) end
  local definition = {
    name = name, baseType = pt.baseType, description = pt.description or "", tags = {}, category = "", sourceType = "ThingShape",
      ordinal = 0, aspects = aspects }
  if pt.dataShape ~= nil then return withShape(thing, name, pt, definition) end
  return definition
end

local function input(name, each)
  local field = { name = each.name, baseType = each.baseType, description = each.description, ordinal = 0 }
  if each.default ~= nil then field.defaultValue = each.default end
  if each.aspects ~= nil then field.aspects = json.object(each.aspects) end
  if each.baseType ~= "INFOTABLE" then return field end
  local fields = shaped("the service " .. name, each.aspects)
  if not fields then return nil end
  field.dataShape = { fieldDefinitions = fields }
  return field
end

local function service(name, definition)
  local inputs, output = {}, definition.output
  for _, each in ipairs(definition.order) do
    inputs[each] = input(name, definition.inputs[each])
    if not inputs[each] then return nil end
  end
  local outputs = { name = "result", baseType = output.baseType, description = output.description or "",
    fieldDefinitions = { result = { name = "result", baseType = output.baseType, description = output.description or "", ordinal = 0 } } }
  if output.baseType == "INFOTABLE" then
    outputs.fieldDefinitions = shaped("the service " .. name, output.aspects)
    if not outputs.fieldDefinitions then return nil end
    outputs.aspects = output.aspects
  end
  return { name = name, tags = {}, category = "", sourceType = "Thing", description = definition.description,
    Inputs = { fieldDefinitions = json.object(inputs) }, Outputs = outputs }
end

return function(thing)
  local propertyDefinitions, serviceDefinitions, shapes = {}, {}, { "metadata", "propsubscribe" }
  for name, pt in pairs(thing.properties) do
    if not properties.isPrivate(pt) then propertyDefinitions[name] = property(thing, name, pt) end
  end
  for name, definition in pairs(thing.definitions) do
    if not definition.private then serviceDefinitions[name] = service(name, definition) end
  end
  for _, shape in ipairs(thing.shapes) do
    if shape.name ~= "metadata" and shape.name ~= "propsubscribe" then shapes[#shapes + 1] = shape.name end
  end
  local description = rawget(thing.me, "description")
  return {
    name = thing.edgeName, type = "Things", isSystemObject = false, description = description and tostring(description) or "",
      implementedShapes = shapes,
    propertyDefinitions = json.object(propertyDefinitions), serviceDefinitions = json.object(serviceDefinitions) }
end
