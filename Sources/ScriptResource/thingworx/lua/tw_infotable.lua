-- tw_infotable.createInfoTable(datashape): rows that are checked against a data shape.
local json = native.load("json")
local convert = native.load("convert")
native.load("tw_datashape")
local tw_infotable = {}

local infotable = {}

-- Adds a row; fields it does not have take their default. → true, or false and what does not fit the data shape
function infotable:addRow(row)
  if type(row) ~= "table" then return false, "expected a table of fields, found " .. type(row) end
  local checked = {}
  for name, value in pairs(row) do
    local field = self.datashape.byName[name]
    if not field then return false, "the data shape has no field " .. tostring(name) end
    if value ~= json.null then
      local converted, why = convert.to(field.baseType, value)
      if converted == nil then return false, tostring(name) .. ": " .. why end
      checked[name] = converted
    end
  end
  for _, field in ipairs(self.datashape.fields) do
    local default = field.aspects.defaultValue
    if checked[field.name] == nil and default ~= nil then checked[field.name] = default end
  end
  self.rows[#self.rows + 1] = checked
  return true
end

-- → { dataShape, rows }
function infotable:toTable() return { dataShape = self.datashape:toTable(), rows = self.rows } end

-- → JSON text
function infotable:toJson() return json.encode(self:toTable()) end

-- → the row, or nil
function infotable:getRow(index) return self.rows[index] end

-- → number
function infotable:getRowCount() return #self.rows end

-- it[2] is the second row; it.field is that field of the first one.
local metatable = {
  __index = function(self, key)
    local method = infotable[key]
    if method then return method end
    if type(key) == "number" then return rawget(self, "rows")[key] end
    local first = rawget(self, "rows")[1]
    return first and first[key]
  end,
}

-- An infotable of a data shape, without rows; it[2] is its second row, it.field that field of the first. → infotable;
-- raises an error for what is no data shape.
function tw_infotable.createInfoTable(datashape)
  if type(datashape) ~= "table" or type(datashape.toTable) ~= "function" then
    error("createInfoTable: expected a data shape, found " .. type(datashape), 2)
  end
  return setmetatable({ datashape = datashape, rows = {} }, metatable)
end

return tw_infotable
