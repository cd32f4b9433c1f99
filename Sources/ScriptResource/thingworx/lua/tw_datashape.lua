-- tw_datashape.createDataShape(name, baseType, description, aspects) makes a data shape with a first field.
local json = native.load("json")
local tw_datashape = {}

local datashape = {}
datashape.__index = datashape

-- Adds a field, or takes the place of one of that name; also { name, baseType, description, aspects } in one table. →
-- the data shape; raises an error where the name is no text.
function datashape:addField(name, baseType, description, aspects)
  if type(name) == "table" then
    name, baseType, description, aspects = name.name, name.baseType or name.basetype, name.description, name.aspects
  end
  if type(name) ~= "string" then error("addField: expected the field's name, found " .. type(name), 2) end
  local field = { name = name, baseType = string.upper(tostring(baseType or "STRING")), description = description or "",
    aspects = json.object(aspects) }
  if not self.byName[name] then self.fields[#self.fields + 1] = field else
    for i, known in ipairs(self.fields) do if known.name == name then self.fields[i] = field end end
  end
  self.byName[name] = field
  return self
end

-- → a data shape of its own with the same fields
function datashape:clone()
  local copy = tw_datashape.new(self.name)
  for _, field in ipairs(self.fields) do
    local aspects = json.object()
    for k, v in pairs(field.aspects) do aspects[k] = v end
    copy:addField(field.name, field.baseType, field.description, aspects)
  end
  return copy
end

-- → the data shape as it stands in an infotable's JSON
function datashape:toTable()
  local definitions = {}
  for i, field in ipairs(self.fields) do
    definitions[field.name] = {
      name = field.name, baseType = field.baseType, description = field.description, aspects = field.aspects, ordinal = i - 1 }
  end
  return { fieldDefinitions = json.object(definitions) }
end

-- An empty data shape. → data shape
function tw_datashape.new(name) return setmetatable({ name = name or "", fields = {}, byName = {} }, datashape) end

-- A data shape with a first field. → data shape; raises an error where the name is no text.
function tw_datashape.createDataShape(name, baseType, description, aspects)
  return tw_datashape.new():addField(name, baseType, description, aspects)
end

return tw_datashape
