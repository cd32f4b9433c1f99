-- The global `thingworx`: what templates, shapes and handlers extend, and the conversions between base types.
return setmetatable({}, {
  __index = function(thingworx, name)
    local value
    if name == "template" or name == "handler" or name == "convert" then value = native.load(name) end
    if name == "shape" then value = native.load("template").shape end
    rawset(thingworx, name, value)
    return value
  end,
})
