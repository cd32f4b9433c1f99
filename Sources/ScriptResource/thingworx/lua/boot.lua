-- Runs first in every state: the module paths and the globals that scripts rely on.
local config = native.config
local jit = require("jit")

local function paths(kind, suffix)
  local list = {}
  local function add(directory, ...)
    for _, sub in ipairs({ ... }) do list[#list + 1] = directory .. sub .. suffix end
  end
  add(config.etc .. "/custom", "/?", "/lua/?", "/shapes/?")
  if kind == "path" then add(config.thingworx, "/?", "/lua/?", "/shapes/?") end
  if kind == "cpath" then
    add(config.etc .. "/custom", "/clibs/?")
    add(config.etc .. "/thingworx", "/clibs/?")
  end
  -- thingworx.shapes.X as well as shapes.X.
  if kind == "path" then add(string.match(config.thingworx, "^(.*)/") or ".", "/?") end
  add(config.etc .. "/community", "/?", "/lua/?", "/clibs/?")
  add(config.etc, "/?")
  return table.concat(list, ";")
end

package.path = paths("path", ".lua") .. ";" .. package.path
package.cpath = paths("cpath", ".so") .. ";" .. package.cpath

-- One script does not end the others.
function os.exit(code) error("os.exit(" .. tostring(code or "") .. ") ends this script, and not the program", 2) end

local loadOwn = loadfile
assert(loadOwn(config.thingworx .. "/lua/language.lua"))()

-- MARK: Finalizers

-- They run whenever memory is taken, also while no Lua code does that could catch their errors: those are logged.
local function finalizer(f)
  return function(...)
    local ok, why = pcall(f, ...)
    if not ok then log.error(config.name, "a finalizer: %s", tostring(why)) end
  end
end

local proxies = { __newindex = function(metatable, key, value)
  rawset(metatable, key, key == "__gc" and type(value) == "function" and finalizer(value) or value)
end }
local makeProxy = newproxy

function newproxy(what)
  local proxy = makeProxy(what)
  if what == true then setmetatable(getmetatable(proxy), proxies) end
  return proxy
end

local loadFFI = package.preload.ffi
if loadFFI then
  package.preload.ffi = function(...)
    local ffi = loadFFI(...)
    local gc = ffi.gc
    ffi.gc = function(object, f) return gc(object, type(f) == "function" and finalizer(f) or f) end
    return ffi
  end
end

-- MARK: The library

-- Runs a module of ours and keeps nothing of it. The library is interpreted: compiled code takes more memory than it saves
-- time where most of the time is spent waiting, and scripts' own code is what deserves the compiler.
function native.once(name, ...)
  local chunk, why = loadOwn(config.thingworx .. "/lua/" .. name .. ".lua")
  if not chunk then error(why, 0) end
  jit.off(chunk, true)
  return chunk(...)
end

-- Modules of ours are loaded once and straight from their place: a script's file of the same name is not mistaken
-- for one of them, and is what that script's own require finds.
local modules = {}

function native.load(name)
  local module = modules[name]
  if module == nil then
    module = native.once(name)
    modules[name] = module
  end
  return module
end

-- Global name -> module. A module takes memory where it is used alone: it is loaded when its name is first looked up.
local globals = {
  orderedPairs = "tablex", thingworx = "thingworx", tw_rap = "tw_ems", ps_rap = "tw_ems", tw_server = "server", ps_server = "server",
  ps_logger = "log", dataShapes = "dataShapes", DataShape = "dataShapes", core_handler = "core", dispatch_properties = "core",
  dispatch_services = "core", is_json = "core",
}
-- What scripts require -> module.
local library = {
  utils = "tw_utils", template = "template", shape = "template", handler = "handler", modbus = "modbus", ["types.datashape"] = "dataShapes",
  core = "core", ps_library = "thingworx",
}

for _, name in ipairs({ "json", "log", "stringx", "tablex", "propGroups", "page", "softwarejob", "server" }) do
  globals[name], library[name] = name, name
end
for _, name in ipairs({ "utils", "datashape", "infotable", "http", "ems", "mutex", "script", "dir", "service" }) do
  globals["tw_" .. name], globals["ps_" .. name], library["tw_" .. name] = "tw_" .. name, "tw_" .. name, "tw_" .. name
end

setmetatable(_G, {
  __index = function(scope, name)
    local module = globals[name]
    if not module then return nil end
    local value = native.load(module)
    -- What the module itself made global is there by now.
    local made = rawget(scope, name)
    if made ~= nil then return made end
    rawset(scope, name, value)
    return value
  end,
})

-- The same for what the library adds to Lua's own tables.
local function extend(functions, module)
  setmetatable(functions, {
    __index = function(_, name)
      if type(name) ~= "string" then return nil end
      setmetatable(functions, nil)
      native.load(module)
      return rawget(functions, name)
    end,
  })
end

extend(table, "tablex")
extend(string, "stringx")

local function isShadowed(name)
  for _, directory in ipairs({ "/custom/", "/custom/lua/", "/custom/shapes/" }) do
    local file = io.open(config.etc .. directory .. name .. ".lua", "r")
    if file then
      file:close()
      return true
    end
  end
  return false
end

table.insert(package.loaders, 2, function(name)
  local module = library[name]
  if not module or isShadowed(name) then return nil end
  return function() return native.load(module) end
end)

native.load("log")

-- MARK: The script

p_data = config.p_data
p_data.name = config.name
p_data.run = true
-- What was kept in an earlier run.
for key, value in pairs(config.kept) do p_data[key] = value end

-- Header names are found in any letter case.
local caseless = { __index = function(headers, name)
  if type(name) ~= "string" then return nil end
  local wanted = string.lower(name)
  for each, value in pairs(headers) do if type(each) == "string" and string.lower(each) == wanted then return value end end
end }

function native.headers(headers)
  if type(headers) ~= "table" then headers = {} end
  return getmetatable(headers) == nil and setmetatable(headers, caseless) or headers
end

-- A request for this script, by HTTP with a body, or from another script with data.
function native.dispatch(...) return native.load("callbacks")(...) end

function native.stop(staying) p_data.run, native.staying = false, staying end

-- Called where the script pauses, and with `true` at its end.
function native.keep(now)
  local data = p_data
  if type(data) == "table" and rawget(data, "persist") then native.load("persistence")(now) end
end

-- Somebody looks into the script.
function native.evaluate(code) return native.load("evaluate")(code) end

-- Another script changes this one's properties.
function native.set_properties(properties) for key, value in pairs(properties) do p_data[key] = value end end

jit.off(native.once, true)
