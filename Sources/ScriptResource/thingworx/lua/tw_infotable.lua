-- tw_infotable.createInfoTable(datashape): rows that are checked against a data shape.
local json = native.load("json")
local convert = native.load("convert")
local tw_datashape = native.load("tw_datashape")
local tw_infotable = {}

local methods = {}

-- Adds a row. Returns true, or false and what does not fit.
function methods.addRow(self, row)
  if type(row) ~= "table" then return false, "expected a table of fields, found " .. type(row) end
  local checked = {}
  for name, value in pairs(row) do
    local field = self.datashape.byName[name]
    if not field then return false, "the data shape has no field " .. tostring(name) end
    local converted, why = convert.to(field.baseType, value)
    if converted == nil then return false, tostring(name) .. ": " .. why end
    checked[name] = converted
  end
  for _, field in ipairs(self.datashape.fields) do
    local default = field.aspects.defaultValue
    if checked[field.name] == nil and default ~= nil then checked[field.name] = default end
  end
  self.rows[#self.rows + 1] = checked
  return true
end

function methods.toTable(self) return { dataShape = self.datashape:toTable(), rows = self.rows } end

function methods.toJson(self) return json.encode(self:toTable()) end

function methods.getRow(self, index) return self.rows[index] end

function methods.getRowCount(self) return #self.rows end

-- it[2] is the second row; it.field is that field of the first one.
local metatable = {
  __index = function(self, key)
    local method = methods[key]
    if method then return method end
    if type(key) == "number" then return rawget(self, "rows")[key] end
    local first = rawget(self, "rows")[1]
    return first and first[key]
  end,
}

function tw_infotable.createInfoTable(datashape)
  if type(datashape) ~= "table" or type(datashape.toTable) ~= "function" then
    error("createInfoTable: expected a data shape, found " .. type(datashape), 2)
  end
  return setmetatable({ datashape = datashape, rows = json.array() }, metatable)
end

return tw_infotable
