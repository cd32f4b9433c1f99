-- Other scripts of this process.
local tw_script = {}

-- code, headers, content of another script's callback.
function tw_script.executeCallback(name, method, path, headers, query, data) return native.call_script(name, method, path, headers, query, data) end

-- name -> status
function tw_script.getScriptList() return native.script_list() end
function tw_script.getStatus(name) return native.script_list()[name] end

return tw_script
