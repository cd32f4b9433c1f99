-- Services of the operating system, by systemctl. Each returns whether it came about, and what the system said.
local tw_service = {}

local function systemctl(verb, name)
  if type(name) ~= "string" or not string.match(name, "^[%w@_.:-]+$") then return false, "expected a service's name, found " .. tostring(name) end
  local pipe = io.popen("systemctl " .. verb .. " -- " .. name .. " 2>&1; echo $?")
  local text = pipe and pipe:read("*a") or ""
  if pipe then pipe:close() end
  local said, code = string.match(text, "^(.-)%s*(%d+)%s*$")
  return code == "0", said or ""
end

local function state(name)
  local _, said = systemctl("is-active", name)
  return string.match(said or "", "^%S+") or "unknown"
end

-- Waits until a service of the system is in a state (active unless given; inactive, failed), for 30 s unless given. →
-- whether it came about, the state
function tw_service.waitForState(name, wanted, seconds)
  if type(wanted) == "number" then wanted, seconds = "active", wanted end
  local last = native.now() + (seconds or 30) * 1000
  while true do
    local now = state(name)
    if now == (wanted or "active") then return true, now end
    if native.now() >= last then return false, now end
    tw_utils.psleep(200)
  end
end

-- Starts a service and waits until it is active. → whether it came about, what the system said
function tw_service.start(name, seconds)
  local ok, said = systemctl("start", name)
  if not ok then return false, said end
  return tw_service.waitForState(name, "active", seconds)
end

-- Stops a service and waits until it is inactive. → whether it came about, what the system said
function tw_service.stop(name, seconds)
  local ok, said = systemctl("stop", name)
  if not ok then return false, said end
  return tw_service.waitForState(name, "inactive", seconds)
end

return tw_service
