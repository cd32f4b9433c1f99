-- The globals dataShapes, by which data shapes are declared, and DataShape, which gives them: dataShapes.X({ name = "a",
-- baseType = "NUMBER" }, …) and DataShape.X.
local tw_datashape = native.load("tw_datashape")

DataShape = {}

-- → the data shape; raises an error for a field without a name.
dataShapes = setmetatable({}, { __index = function(_, name)
  return function(...)
    local shape = tw_datashape.new(name)
    for index = 1, select("#", ...) do
      local field = select(index, ...)
      if type(field) ~= "table" then error("dataShapes." .. name .. ": expected tables of fields, found " .. type(field), 2) end
      if type(field.name) ~= "string" then error("dataShapes." .. name .. ": expected a field with a name", 2) end
      shape:addField(field)
    end
    DataShape[name] = shape
    return shape
  end
end })

return true
