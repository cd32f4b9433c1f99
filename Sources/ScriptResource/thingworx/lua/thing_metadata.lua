-- What a Thing tells of itself: the answer of GetMetadata. Asked for so seldom that it is loaded each time.
local services = native.load("thing_services")

local function fields(list)
  local definitions = {}
  for i, input in ipairs(list) do
    definitions[input.name] = {
      name = input.name, description = input.description or "", baseType = string.upper(input.baseType or "STRING"), ordinal = i - 1,
      aspects = input.aspects or {} }
  end
  return { fieldDefinitions = definitions }
end

return function(me)
  local properties, definitions = {}, {}
  for name, pt in pairs(me.properties) do
    properties[name] = {
      name = name, description = pt.description or "", baseType = pt.baseType,
      aspects = { pushType = pt.templatePushType or pt.pushType, pushThreshold = pt.pushThreshold, cacheTime = pt.cacheTime, isReadOnly = false } }
  end
  for _, name in ipairs(services.list(me)) do
    local definition = services.definition(me, name) or { inputs = {}, description = "" }
    local output = definition.output or { baseType = "NOTHING" }
    definitions[name] = {
      name = name, description = definition.description, Inputs = fields(definition.inputs), aspects = {},
      Outputs = { name = "result", description = output.description or "", baseType = string.upper(output.baseType or "NOTHING"),
        fieldDefinitions = {}, aspects = output.aspects or {} } }
  end
  return {
    name = me.name, description = me.settings.description or "", isSystemObject = false, propertyDefinitions = properties,
    serviceDefinitions = definitions, eventDefinitions = {} }
end
