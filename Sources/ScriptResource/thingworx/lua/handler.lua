-- Handlers: where a property's value comes from. read and write return 200, or a status and a text; read sets pt.value, pt.time,
-- pt.quality.
local json = native.load("json")
local handler = {}

function handler.extend(module) native.load("template").handler.extend(module) end

local function first(object)
  local _, value = next(object)
  return value
end

-- Puts what a script or host answered into a property (lua-library.md, section 7.2): a member of a JSON object, the text where it
-- is other JSON; a text that is no JSON leaves the value as it is. → 200
function handler.take(pt, content)
  local ok, decoded = pcall(json.decode, content)
  if not ok then
    pt.quality = "UNKNOWN"
    log.warn(native.config.name, "%s: the answer is no JSON: %s", tostring(pt.name), string.sub(content, 1, 80))
    return 200
  end
  local time, quality, value = native.now(), "GOOD"
  if type(decoded) == "table" and not json.isArray(decoded) then
    local row = type(decoded.rows) == "table" and type(decoded.rows[1]) == "table" and decoded.rows[1] or decoded
    value = row[pt.name]
    if value == nil then value = row.value end
    if value == nil then value = row.result end
    if value == nil then value = first(row) end
    time, quality = row.time or time, row.quality or quality
  else
    value = content
  end
  pt.value, pt.time, pt.quality = value, time, quality
  return 200
end

local loaded = {}

-- The handler of that name: a module handlers.<name>; else the script handler, and the name as that of a script.
function handler.get(name)
  name = tostring(name)
  local found = loaded[name]
  if found then return found[1], found[2] end
  local module, script
  if package.searchpath("handlers." .. name, package.path) then
    module = require("handlers." .. name)
    if type(module) ~= "table" then module = package.loaded["handlers." .. name] end
    if type(module) ~= "table" then
      error("handlers/" .. name .. ".lua: expected module(\"handlers." .. name .. "\", thingworx.handler.extend) at its start", 0)
    end
  else
    module, script = require("handlers.script"), name
    if type(module) ~= "table" then module = package.loaded["handlers.script"] end
  end
  loaded[name] = { module, script }
  return module, script
end

return handler
