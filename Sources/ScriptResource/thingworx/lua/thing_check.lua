-- What `luaScriptResource -check` says of a template that loads and would still surprise its user.
local check = {}

local thing
-- kind.name -> file:line of its declaration.
local places = {}

local function place(level)
  local info = debug.getinfo(level, "Sl")
  return info and info.currentline > 0 and string.sub(info.source, 1, 1) == "@" and string.sub(info.source,
    2) .. ":" .. info.currentline or nil
end

-- The nearest place in the users' own files.
local function callersPlace()
  for level = 3, 12 do
    local found = place(level + 1)
    if found and string.sub(found, 1, #native.config.thingworx) ~= native.config.thingworx then return found end
  end
end

function check.declared(kind, name) places[kind .. "." .. tostring(name)] = callersPlace() end

function check.say(kind, name, text)
  local what = kind .. "." .. tostring(name)
  native.finding((places[what] and places[what] .. ": " or "") .. what .. ": " .. text)
end

function check.collides(kind, name, shape)
  check.say(kind, name, "the shape " .. tostring(shape) .. " has one of this name too, which is not used")
end

-- Notes where the entries of a table are set.
local function watch(kind)
  setmetatable(thing[kind], { __newindex = function(entries, name, value)
    check.declared(kind, name)
    rawset(entries, name, value)
  end })
end

local kinds = { "properties", "services", "tasks" }

function check.begin(it)
  thing = it
  for _, kind in ipairs(kinds) do watch(kind) end
end

function check.loaded() for _, kind in ipairs(kinds) do setmetatable(thing[kind], nil) end end

local function line(f)
  local info = debug.getinfo(f, "S")
  return string.sub(info.source, 2) .. ":" .. info.linedefined .. ": "
end

local function services()
  for name, f in orderedPairs(thing.services) do
    if type(f) ~= "function" then check.say("services", name, "expected a function, found " .. type(f))
    elseif not thing.definitions[name] then
      native.finding(line(f) .. "services." .. name .. ": no serviceDefinitions." .. name
        .. ", so its result is dropped and GetMetadata does not show it")
    end
  end
  for name in orderedPairs(thing.definitions) do
    if thing.services[name] == nil then check.say("serviceDefinitions", name, "there is no service of this name") end
  end
end

local ours = { "new", "start", "getProperty", "setProperty", "getServices", "registerEdgeThing", "deregisterEdgeThing",
  "addLifecycleListener", "openHandler" }

local function names()
  local template = thing.template
  for _, name in ipairs(ours) do
    local f = rawget(template, name)
    if type(f) == "function" then native.finding(line(f) .. name .. ": takes the place of the library's function me:" .. name) end
  end
  for name, value in orderedPairs(template) do
    if native.config.entry[name] and type(name) == "string" and string.sub(name, 1, 1) ~= "_" then
      native.finding((type(value) == "function" and line(value) or "") .. name
        .. ": the setting of this name in config.lua hides it from me." .. name)
    end
  end
  for name, pt in orderedPairs(thing.properties) do
    if thing.services[name] ~= nil then check.say("properties", name, "a service has this name too") end
    if type(pt) == "table" and pt.dataShape ~= nil and not DataShape[pt.dataShape] then
      check.say("properties", name, "the data shape " .. tostring(pt.dataShape) .. " is not declared")
    end
  end
end

-- Where a property's value is to come from, and does not.
local function handlers()
  local scripts = native.config.scripts
  for name, pt in orderedPairs(thing.properties) do
    if pt.handler == nil and pt.key ~= nil then
      check.say("properties", name, "it has a key and no handler, so its value lies in memory")
    end
    local script = pt.handlerScript
    if pt.handler == "script" then script = string.match(tostring(pt.key or ""), "^/*([^/?]+)") end
    if script and not scripts[script] then
      check.say("properties", name, "the handler " .. script .. " is neither a module handlers." .. script .. " nor a script of config.lua")
    elseif pt.handler == "script" and not script then
      check.say("properties", name, "the handler script needs a key <script>/<path>")
    end
  end
end

function check.finish()
  handlers()
  services()
  names()
end

return check
