-- Other scripts of this process.
local tw_script = {}

-- Starts a script from a file of the directories for scripts, which runs until it is stopped; or from a text in its place,
-- which is stopped after max_run_time seconds (20; 0 for never). props are its p_data. → a text, and 0 or an HTTP status
function tw_script.addScript(name, filename, content, max_run_time, props)
  return native.add_script(name, filename, content, tonumber(max_run_time), props, false)
end

-- Ends a script and starts it anew from another file or text; without props it keeps its own. → as addScript
function tw_script.updateScript(name, filename, content, max_run_time, props)
  return native.add_script(name, filename, content, tonumber(max_run_time), props, true)
end

-- Has a script run: starts it from a file unless there is one of that name, and waits until it runs, at most `timeout`
-- seconds (0: for ever). → boolean; raises an error without a name or a file
function tw_script.loadScriptFromFile(name, file, timeout)
  if name == nil or file == nil then error("loadScriptFromFile: expected a name and a file", 2) end
  if native.script_list()[name] == nil then
    local _, code = tw_script.addScript(name, file)
    if code ~= 0 then return false end
  end
  timeout = tonumber(timeout) or 0
  local last = native.now() + timeout * 1000
  while true do
    local status = native.script_list()[name]
    if status == "Running" or status == "Finished" then return true end
    if status == nil or status == "Error" or (timeout > 0 and native.now() >= last) or not p_data.run then return false end
    native.sleep(10)
  end
end

-- Ends a script and forgets it. → a text, and 0 or an HTTP status
function tw_script.removeScript(name) return native.remove_script(name) end

local function none(name) return "there is no script " .. tostring(name) end

-- → name -> Loading, Running, Finished, Stopped or Error
function tw_script.getScriptList() return native.script_list() end

-- → its status; a text that says so where there is no such script
function tw_script.getStatus(name) return native.script_list()[name] or none(name) end

-- → what a script that has finished returned; a text that says so where there is no such script
function tw_script.getResult(name)
  if native.script_list()[name] == nil then return none(name) end
  return native.script_result(name)
end

-- → its file; a text that says so where there is no such script
function tw_script.getFilename(name) return (native.script_info(name)) or none(name) end

-- → its settings as a table; a text that says so where there is no such script
function tw_script.getProperties(name)
  local _, properties = native.script_info(name)
  return properties or none(name)
end

-- → one of its settings, or nil; a text that says so where there is no such script
function tw_script.getProperty(name, key)
  local properties = tw_script.getProperties(name)
  if type(properties) ~= "table" then return properties end
  return properties[key]
end

-- Changes its p_data. → 0, or an HTTP status
function tw_script.setProperties(name, properties) return native.set_script_properties(name, properties) end

-- Calls another script's callback, or a Thing's Properties/… and Services/…. `path` is a text without a query, "/" unless
-- given; data is a table that the callback gets, its `content` a body. → status, text, headers; 404 where there is no such
-- script or callback, 504 where it does not answer within requestTimeout
function tw_script.executeCallback(name, method, path, headers, query, data)
  if data ~= nil and type(data) ~= "table" then data = { content = tostring(data) } end
  local code, body, answered = native.call_script(tostring(name), method, path == nil and "/" or tostring(path), headers, query, data)
  return code, body, native.headers(answered)
end

-- Forgets those that have ended. → a text
function tw_script.cleanupFinishedScripts()
  local count = 0
  for name, status in pairs(native.script_list()) do
    if status == "Finished" or status == "Stopped" then
      native.remove_script(name)
      count = count + 1
    end
  end
  return count .. " scripts removed"
end

return tw_script
