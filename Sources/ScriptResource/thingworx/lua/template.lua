-- What a template, a shape and a handler find in scope (lua-library.md, sections 3.2 and 5.2).
local template, shape, handler = {}, {}, {}
local thing

-- Parts of definitions, which may be shared by several of them.
local parts = setmetatable({}, { __mode = "k" })

local function part(kind)
  return function(content)
    local made = type(content) == "table" and content or { content }
    parts[made] = kind
    return made
  end
end

-- Hides a service from GetMetadata: private(true), private {}; not private(false).
local function private(value)
  local made = { value = value }
  parts[made] = "private"
  return made
end

local function checkShape(name, what, content)
  local aspects = content.aspects
  if string.upper(tostring(content.baseType or "")) == "INFOTABLE" and not (type(aspects) == "table" and aspects.dataShape) then
    error("serviceDefinitions." .. name .. ": " .. what .. " of base type INFOTABLE: expected aspects = { dataShape = … }", 4)
  end
end

local apply = {}

function apply.input(definition, content, name)
  if content.name == nil then return end
  checkShape(name, "the input " .. tostring(content.name), content)
  definition.order[#definition.order + 1] = content.name
  definition.inputs[content.name] = { name = content.name, baseType = string.upper(content.baseType or content.basetype or "STRING"),
    description = content.description or "", default = content.default, aspects = content.aspects }
end

function apply.output(definition, content, name)
  checkShape(name, "the output", content)
  definition.output = { name = "result", baseType = string.upper(content.baseType or content.basetype or "NOTHING"),
    description = content.description or "", aspects = content.aspects }
end

function apply.description(definition, content)
  local text = content[1] or content.description
  if text ~= nil then definition.description = tostring(text) end
end

function apply.private(definition, content) if content.value ~= false then definition.private = true end end

-- serviceDefinitions.Add(input{…}, output{…}, description{…}) declares; definedServiceDefinitions.Add is what came of it.
local function definitions(defined)
  return setmetatable({}, { __index = function(_, name)
    return function(...)
      local definition = { inputs = {}, order = {}, output = { name = "result", baseType = "NOTHING" }, description = "" }
      for index = 1, select("#", ...) do
        local content = select(index, ...)
        local kind = parts[content]
        if kind then apply[kind](definition, content, name) end
      end
      defined[name] = definition
      if native.config.check then native.load("thing_check").declared("serviceDefinitions", name) end
    end
  end })
end

-- What is common to all modules of this Thing: they see it where they have no such name of their own.
local function common(methods)
  return setmetatable({
    base = _G, name = thing.name, p_data = p_data, definedServiceDefinitions = thing.definitions,
      serviceDefinitions = definitions(thing.definitions),
    input = part("input"), output = part("output"), description = part("description"), private = private,
  }, { __index = methods })
end

-- Called once, before the template is loaded. `methods` are those of `me`.
function template.begin(it, methods)
  thing = it
  setmetatable(methods, { __index = _G })
  local names = common(methods)
  names.identifier, names.data = thing.identifier and "*" .. thing.identifier or nil, {}
  names.properties, names.services, names.tasks = thing.properties, thing.services, thing.tasks
  -- The parameters of the latest registration stand in `data`.
  thing.scope = names
  thing.inTemplate = { __index = names }
  -- Every template has both.
  base = base or _G
  shapes = shapes or { metadata = {}, propsubscribe = {} }
  setmetatable(p_data, { __index = template.beyond(methods) })
end

-- What `me`, which is p_data, has besides the settings: variables and functions of the template, then what the library adds. Lua's own
-- functions are no settings: p_data.debug is nil where nobody set it.
function template.beyond(methods)
  local names, visible = thing.scope, { properties = true, services = true, tasks = true, serviceDefinitions = true,
    definedServiceDefinitions = true, data = true, p_data = true }
  return function(_, key)
    local module = thing.template
    local value = module and rawget(module, key)
    if value == nil and visible[key] then value = rawget(names, key) end
    if value == nil then value = rawget(methods, key) end
    return value
  end
end

local kinds = { "properties", "services", "tasks" }

-- What a shape brings and the Thing has not.
local function merge(from)
  for _, kind in ipairs(kinds) do
    for name, value in pairs(from[kind]) do
      if thing[kind][name] == nil then
        thing[kind][name] = value
      elseif native.config.check and thing[kind][name] ~= value then
        native.load("thing_check").collides(kind, name, from.name)
      end
    end
  end
end

function template.extend(module)
  if not thing then error("a template is loaded by a Thing's script entry, not by itself", 3) end
  thing.template = module
  setmetatable(module, thing.inTemplate)
  module.me = module
  template.mergeShapes()
end

function template.mergeShapes() for _, each in ipairs(thing.shapes) do merge(each) end end

local function startAndStop(word)
  return function() log.debug(thing.name, "the shape %s", word) end
end

function shape.extend(module)
  if not thing then error("a shape is loaded by a template", 3) end
  local name = string.match(tostring(module._NAME), "([^.]+)$")
  local target = { name = name, module = module, properties = {}, services = {}, tasks = {} }
  thing.shapes[#thing.shapes + 1] = target
  module.me = module
  for _, kind in ipairs(kinds) do module[kind] = target[kind] end
  thing.inShape = thing.inShape or { __index = setmetatable({ start = startAndStop("starts"), stop = startAndStop("stops") },
    { __index = thing.scope }) }
  setmetatable(module, thing.inShape)
end

function handler.extend(module)
  local names = thing and thing.scope or { base = _G, name = native.config.name, p_data = p_data }
  local own = { properties = {}, services = {}, tasks = {}, server = native.load("server"),
    open = function() log.debug(native.config.name, "a handler opens") end, close = function() log.debug(native.config.name,
      "a handler closes") end }
  setmetatable(module, { __index = setmetatable(own, { __index = thing and names or setmetatable(names, { __index = _G }) }) })
end

template.shape, template.handler = shape, handler
return template
