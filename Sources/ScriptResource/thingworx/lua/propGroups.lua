-- Several properties at once, under the names that a caller wants.
local propGroups = {}

local function called(access, item)
  local f = p_data[item.f]
  if type(f) ~= "function" then
    log.error(native.config.name, "propGroups: there is no function %s", tostring(item.f))
    return nil
  end
  local arguments, count = {}, 0
  for index, each in ipairs(item) do
    count = index
    if type(each) == "string" then
      local value = access(each)
      if value == nil then value = each end
      arguments[index] = value
    else
      arguments[index] = each
    end
  end
  return f(unpack(arguments, 1, count))
end

-- A table with the keys of `items`: for a name what access(name) returns, for { f = "name", … } what that function of the
-- script returns for the rest, names among it taken through access. → table; nil, and an error in the log, for no table
function propGroups.getGroup(access, items)
  if type(items) ~= "table" then
    log.error(native.config.name, "propGroups.getGroup: expected a table of items, found %s", type(items))
    return nil
  end
  local group = {}
  for key, item in pairs(items) do
    if type(item) == "table" then group[key] = called(access, item) else group[key] = access(item) end
  end
  return group
end

return propGroups
