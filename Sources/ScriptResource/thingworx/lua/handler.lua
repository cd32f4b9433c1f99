-- Handlers: where a property's value comes from. read and write set pt.value, pt.time, pt.quality and return a code.
local handler = {}

function handler.extend(module) setmetatable(module, { __index = _G }) end

-- Puts what a handler got into a property: a bare value, or one with time and quality; JSON, text or a Lua value.
function handler.take(pt, content)
  local value = content
  if type(content) == "string" then
    local ok, decoded = pcall(json.decode, content)
    if ok then value = decoded end
  end
  local time, quality = native.now(), "GOOD"
  if type(value) == "table" and value.value ~= nil then
    time, quality, value = value.time or time, value.quality or quality, value.value
  end
  local converted, why = thingworx.convert.to(pt.baseType, value)
  if converted == nil then
    pt.quality = "BAD"
    return 500, why
  end
  pt.value, pt.time, pt.quality = converted ~= json.null and converted or nil, time, quality
  return 200
end

local loaded = {}

-- The handler of that name: a module handlers.<name>, else the script of that name.
function handler.get(name)
  local found = loaded[name]
  if found then return found end
  if package.searchpath("handlers." .. name, package.path) then
    found = require("handlers." .. name)
    if found == true then found = package.loaded["handlers." .. name] end
  else
    found = require("handlers.script").of(name)
  end
  loaded[name] = found
  return found
end

return handler
