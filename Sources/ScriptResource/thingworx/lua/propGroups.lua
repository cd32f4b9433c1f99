-- Properties by a common prefix or by the key `group` of their definition.
local propGroups = {}

-- The properties of one group: those whose `group` is its name, or whose names begin with it and a dot or underscore. →
-- name -> property
function propGroups.getGroup(properties, group)
  local found = {}
  for name, pt in pairs(properties) do
    local prefix, separator = string.sub(name, 1, #group), string.sub(name, #group + 1, #group + 1)
    if pt.group == group or (prefix == group and (separator == "." or separator == "_")) then found[name] = pt end
  end
  return found
end

return propGroups
