-- What every Thing has unless its template or a shape has it: the shapes `metadata` and `propsubscribe` of the original. None of it
-- shows in GetMetadata.
local builtin = {}

function builtin.GetMetadata() return 200, native.once("thing_metadata")(native.state) end

function builtin.NotifyPropertyUpdate()
  local upToDate = native.state.properties.upToDate
  upToDate.value, native.state.nextSubscribe = false, 0
  return 200
end

function builtin.GetPropertySubscriptions()
  local code, response = native.load("thing_registration").subscribe(native.state)
  return code, response
end

local function updatePropertyMap()
  local thing = native.state
  if thing.me.registered and thing.me.register ~= false and not thing.properties.upToDate.value then
    native.load("thing_registration").subscribe(thing)
  end
end

return function(thing)
  for name, service in pairs(builtin) do
    if thing.services[name] == nil then thing.services[name] = service end
    if thing.definitions[name] == nil then
      local baseType = name == "GetMetadata" and "JSON" or "NOTHING"
      thing.definitions[name] = { inputs = {}, order = {}, output = { name = "result", baseType = baseType }, description = "",
        private = true }
    end
  end
  if thing.tasks.UpdatePropertyMap == nil then thing.tasks.UpdatePropertyMap = updatePropertyMap end
  if thing.properties.upToDate == nil then
    thing.properties.upToDate = { baseType = "BOOLEAN", pushType = "NEVER", private = true, value = true }
  end
end
