-- Other scripts of this process.
local tw_script = {}

-- Starts a script from a file, or from a text in its place. maxRunTime in ms ends it after that time; properties are
-- its p_data. → true, or nil and why not; raises an error for a name with a slash.
function tw_script.addScript(name, file, content, maxRunTime, properties)
  return native.add_script(name, file, content, maxRunTime, properties)
end

-- The same from a file of any directory; `timeout` in ms ends it. → true, or nil and why
function tw_script.loadScriptFromFile(name, file, timeout)
  local handle, why = io.open(file, "r")
  if not handle then return nil, why end
  local content = handle:read("*a")
  handle:close()
  return native.add_script(name, file, content, timeout, nil)
end

-- Ends a script and forgets it. → whether there was one; raises an error for the script itself.
function tw_script.removeScript(name) return native.remove_script(name) end

-- Ends it and starts it anew, from another text where one is given. → true, or nil and why
function tw_script.updateScript(name, content, properties)
  local file, old = native.script_info(name)
  if not file then return nil, "there is no script " .. tostring(name) end
  tw_script.removeScript(name)
  return native.add_script(name, file, content, nil, properties or old)
end

-- → name -> Loading, Running, Finished, Stopped or Error
function tw_script.getScriptList() return native.script_list() end

-- → its status, or nil where there is no such script
function tw_script.getStatus(name) return native.script_list()[name] end

-- → what a script that has finished returned
function tw_script.getResult(name) return native.script_result(name) end

-- → its file, or nil
function tw_script.getFilename(name) return (native.script_info(name)) end

-- → its settings as a table, or nil
function tw_script.getProperties(name)
  local _, properties = native.script_info(name)
  return properties
end

-- → one of its settings, or nil
function tw_script.getProperty(name, key)
  local properties = tw_script.getProperties(name)
  return properties and properties[key]
end

-- Changes its p_data. → whether there is such a script
function tw_script.setProperties(name, properties) return native.set_script_properties(name, properties) end

-- Calls another script's callback; `path` is a list of segments. → status, headers, content; 404 where there is no such
-- script or callback. Raises an error while a module loads.
function tw_script.executeCallback(name, method, path, headers, query, data) return native.call_script(name, method, path, headers, query, data) end

-- Forgets those that have ended.
function tw_script.cleanupFinishedScripts()
  for name, status in pairs(native.script_list()) do
    if status == "Finished" or status == "Stopped" then native.remove_script(name) end
  end
end

return tw_script
