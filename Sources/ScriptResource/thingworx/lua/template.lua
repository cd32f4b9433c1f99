-- What a template, and a shape, find in scope. thing.lua makes the Thing that they fill.
local tw_datashape = native.load("tw_datashape")

local template, shape = {}, {}
local thing

-- Called once, before the template is loaded.
function template.begin(me)
  thing = me
  me.shapes = {}
end

local function tagged(kind)
  return function(definition)
    local copy = { kind = kind }
    for k, v in pairs(type(definition) == "table" and definition or { definition }) do copy[k] = v end
    return copy
  end
end

-- serviceDefinitions.Add(input{…}, output{…}, description{…}) declares; rawget reads.
local function serviceDefinitions()
  return setmetatable({}, { __index = function(self, name)
    return function(...)
      local definition = { name = name, inputs = {}, output = nil, description = "", aspects = {} }
      for _, part in ipairs({ ... }) do
        if part.kind == "input" then
          definition.inputs[#definition.inputs + 1] = part
        elseif part.kind == "output" then
          definition.output = part
        elseif part.kind == "description" then
          definition.description = part[1] or part.description or ""
        end
      end
      rawset(self, name, definition)
    end
  end })
end

-- dataShapes.X({ name=…, baseType=… }, …) declares, DataShape.X gives the object.
local dataShapes = setmetatable({}, { __index = function(self, name)
  return function(...)
    local object = tw_datashape.new(name)
    for _, field in ipairs({ ... }) do object:addField(field) end
    rawset(self, name, object)
    return object
  end
end })

local DataShape = setmetatable({}, { __index = function(_, name)
  return rawget(dataShapes, name) or error("the data shape " .. tostring(name) .. " is not declared", 2)
end })

function template.dataShape(name) return rawget(dataShapes, name) end

local function scope(module, target)
  setmetatable(module, { __index = _G })
  module.me = thing
  module.name = thing.name
  module.identifier = thing.identifier
  module.p_data = p_data
  module.properties = target.properties
  module.services = target.services
  module.tasks = target.tasks
  module.serviceDefinitions = target.serviceDefinitions
  module.dataShapes = dataShapes
  module.DataShape = DataShape
  module.input = tagged("input")
  module.output = tagged("output")
  module.description = tagged("description")
  module.private = {}
end

function template.extend(module)
  if not thing then error("a template is loaded by a Thing's script entry, not by itself", 3) end
  thing.template = module
  thing.serviceDefinitions = serviceDefinitions()
  scope(module, thing)
end

function shape.extend(module)
  if not thing then error("a shape is loaded by a template", 3) end
  local target = { module = module, properties = {}, services = {}, tasks = {}, serviceDefinitions = serviceDefinitions() }
  thing.shapes[#thing.shapes + 1] = target
  scope(module, target)
end

-- What shapes bring fills only names that the template has not.
function template.mergeShapes(me)
  for _, from in ipairs(me.shapes) do
    for _, kind in ipairs({ "properties", "services", "tasks", "serviceDefinitions" }) do
      for name, value in pairs(from[kind]) do
        if rawget(me[kind], name) == nil then rawset(me[kind], name, value) end
      end
    end
  end
end

template.shape = shape
return template
