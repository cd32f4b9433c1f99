-- Software updates that the platform deploys: requests for the script `softwareupdate`, which all Things of the program share
-- (lua-library.md, section 6.14). The setting sw_update_dir says where archives lie.
module("shapes.swupdate", thingworx.shape.extend)

local script = "softwareupdate"

local function call(action, data)
  if not p_data.sw_update_dir then return 503, "software updates need the setting sw_update_dir" end
  if type(data) ~= "table" then return 400, "expected a table of parameters" end
  if tw_script.getScriptList()[script] == nil then
    local why, code = tw_script.addScript(script, "softwareupdate.lua", nil, 0, { sw_update_dir = p_data.sw_update_dir })
    -- Another Thing may have been first.
    if code ~= 0 and code ~= 409 then return 503, why end
  end
  tw_script.loadScriptFromFile(script, "softwareupdate.lua", 10)
  local sent = { thing = identifier or name, sw_update_dir = p_data.sw_update_dir }
  for key, value in pairs(data) do sent[key] = value end
  local code, text = tw_script.executeCallback(script, "POST", action, nil, nil, sent)
  return code, text
end

services.TriggerUpdateAction = function(me, headers, query, data)
  if type(data.action) ~= "string" or not string.match(data.action, "^%a+$") then return 400, "action: expected the name of an action" end
  return call(data.action, data.params or {})
end

services.ScheduleDownload = function(me, headers, query, data) return call("scheduleDownload", data) end
services.ScheduleInstall = function(me, headers, query, data) return call("scheduleInstall", data) end
services.Now = function(me, headers, query, data) return call("now", data) end
