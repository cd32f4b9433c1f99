-- Services of the operating system, by systemctl.
local tw_service = {}

local function systemctl(verb, name)
  if type(name) ~= "string" or not string.match(name, "^[%w@_.:-]+$") then return nil end
  local pipe = io.popen("systemctl " .. verb .. " -- " .. name .. " 2>/dev/null; echo $?")
  local text = pipe and pipe:read("*a") or ""
  if pipe then pipe:close() end
  local said, code = string.match(text, "^(.-)%s*(%d+)%s*$")
  return code == "0", said or ""
end

local states = { RUNNING = "active", STOPPED = "inactive" }

-- Waits until a service of the system is RUNNING or STOPPED, at most waitTime seconds (60; 0 for ever). → whether it is
function tw_service.waitForState(name, state, waitTime)
  local wanted = states[string.upper(tostring(state))]
  if not wanted or systemctl("is-active", name) == nil then return false end
  local limit = tonumber(waitTime) or 60
  local last = native.now() + limit * 1000
  while true do
    local _, said = systemctl("is-active", name)
    local now = string.match(said or "", "^%S+") or "unknown"
    if now == wanted or (wanted == "inactive" and now == "failed") then return true end
    -- Without a service manager there is nothing to wait for.
    if now == "unknown" or not p_data.run or (limit > 0 and native.now() >= last) then return false end
    tw_utils.psleep(200)
  end
end

-- Starts a service and waits until it runs, at most waitTime seconds (0: for ever). → whether it does
function tw_service.start(name, waitTime)
  if not systemctl("start", name) then return false end
  return tw_service.waitForState(name, "RUNNING", waitTime or 0)
end

-- Stops a service and waits until it is stopped, at most waitTime seconds (0: for ever). → whether it is
function tw_service.stop(name, waitTime)
  if not systemctl("stop", name) then return false end
  return tw_service.waitForState(name, "STOPPED", waitTime or 0)
end

return tw_service
