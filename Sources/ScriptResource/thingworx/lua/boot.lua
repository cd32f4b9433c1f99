-- Runs first in every state: the module paths and the globals that scripts rely on.
local config = native.config

local function paths(kind, suffix)
  local list = {}
  local function add(directory, ...)
    for _, sub in ipairs({ ... }) do list[#list + 1] = directory .. sub .. suffix end
  end
  add(config.etc .. "/custom", "/?", "/lua/?", "/shapes/?")
  if kind == "path" then add(config.thingworx, "/?", "/lua/?", "/shapes/?") end
  add(config.etc .. "/community", "/?", "/lua/?", "/clibs/?")
  add(config.etc, "/?")
  return table.concat(list, ";")
end

package.path = paths("path", ".lua") .. ";" .. package.path
package.cpath = paths("cpath", ".so") .. ";" .. package.cpath

-- Modules of ours are loaded once and straight from their place: a script's file of the same name is not mistaken
-- for one of them, and is what that script's own require finds.
local modules = {}

function native.load(name)
  if modules[name] == nil then
    local chunk, why = loadfile(config.thingworx .. "/lua/" .. name .. ".lua")
    if not chunk then error(why, 0) end
    modules[name] = chunk(name)
  end
  return modules[name]
end

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

local function provide(name, global)
  local module = native.load(name)
  _G[global or name] = module
  if not isShadowed(name) then package.loaded[name] = module end
  return module
end

provide("json")
provide("log")
provide("stringx")
local utils = provide("tw_utils")
package.loaded["utils"] = not isShadowed("utils") and utils or nil
provide("tw_datashape")
provide("tw_infotable")
provide("tw_http")
local ems = provide("tw_ems")
provide("server")
provide("tw_mutex")
provide("tw_script")

-- Modules that few scripts use take memory in those alone: they are loaded when their name is first looked up.
local lazy = { tw_dir = "tw_dir", ps_dir = "tw_dir", tw_service = "tw_service", ps_service = "tw_service", tablex = "tablex", orderedPairs = "tablex",
  propGroups = "propGroups", page = "page", softwarejob = "softwarejob" }
for _, name in ipairs({ "tw_dir", "tw_service", "tablex", "propGroups", "page", "softwarejob", "modbus" }) do
  if not isShadowed(name) then package.preload[name] = function() return native.load(name) end end
end
setmetatable(_G, {
  __index = function(globals, name)
    local module = lazy[name]
    if not module then return nil end
    local value = native.load(module)
    -- What the module itself made global is there by now.
    local made = rawget(globals, name)
    if made == nil then
      rawset(globals, name, value)
      return value
    end
    return made
  end,
})
setmetatable(table, {
  __index = function(functions, name)
    if type(name) ~= "string" then return nil end
    setmetatable(functions, nil)
    native.load("tablex")
    return rawget(functions, name)
  end,
})
local template = provide("template")
local handler = provide("handler")
thingworx = { template = template, shape = template.shape, handler = handler, convert = native.load("convert") }
template, handler = nil, nil

p_data = config.p_data
p_data.name = config.name
p_data.run = true

-- The names of older releases.
tw_server = server
tw_rap, ps_rap, ps_ems = ems, ems, ems
for _, name in ipairs({ "utils", "http", "mutex", "script", "datashape", "infotable", "server" }) do
  _G["ps_" .. name] = _G["tw_" .. name]
end
_G.template, _G.handler = nil, nil

-- A request for a callback of this script.
function native.dispatch(method, path, headers, query, data)
  local f, why = tw_http.find(path)
  if not f then return 404, {}, why end
  local code, answerHeaders, content = f(method, path, headers, query, data)
  if type(content) == "table" then content = json.encode(content) end
  return code or 200, answerHeaders or {}, content ~= nil and tostring(content) or ""
end

function native.stop() p_data.run = false end

-- Another script changes this one's properties.
function native.set_properties(properties) for key, value in pairs(properties) do p_data[key] = value end end
