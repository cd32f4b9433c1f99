-- Values of properties that go over to the Thing that takes another one's place, when its template or its settings change.
local json = native.load("json")
local properties = native.load("thing_properties")
local values = {}

-- name -> { baseType, time, quality, value }; tables go as JSON.
function values.of(thing)
  local all = {}
  for _, pt in ipairs(thing.order) do
    if pt.isInMemory then
      -- What was written since the last scan is to be kept too.
      properties.takeNext(pt)
      local isTable = type(pt.value) == "table"
      all[pt.name] = { baseType = pt.baseType, time = pt.time, quality = pt.quality, value = not isTable and pt.value or nil,
        json = isTable and json.encode(pt.value) or nil }
    end
  end
  return all
end

-- Properties that are still there, with the same base type, have the values that they had.
function values.restore(thing, all)
  for _, pt in ipairs(thing.order) do
    local kept = all[pt.name]
    if kept and pt.isInMemory and kept.baseType == pt.baseType then
      if kept.json then pt.value = json.decode(kept.json) elseif kept.value ~= nil then pt.value = kept.value end
      pt.time, pt.quality = kept.time, kept.quality
    end
  end
end

return values
