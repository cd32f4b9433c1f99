-- The global `thingworx`: what templates, shapes and handlers extend, and the library under its older names.
local modules = { template = "template", handler = "handler", utils = "tw_utils", server = "server", softwarejob = "softwarejob",
  convert = "convert" }

return setmetatable({}, {
  __index = function(thingworx, name)
    local value
    if modules[name] then value = native.load(modules[name]) end
    if name == "shape" then value = native.load("template").shape end
    rawset(thingworx, name, value)
    return value
  end,
})
