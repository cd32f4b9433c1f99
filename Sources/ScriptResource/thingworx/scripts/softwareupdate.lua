-- Software updates, one a Thing: each goes through the states created, notified, waitForDownload, startDownload, downloading, downloaded,
-- waitForInstall and installing, and the update manager is told of each (UpdateState, StartDownload, CompleteDeliveryTarget).
--
-- An archive that was downloaded lies in sw_update_dir. Its script sets `steps`, which are run one after the other.
local jobs = {}

local function tell(job, service, parameters)
  parameters.id = job.id
  local code, response = server.invoke(service, parameters, job.updateManager)
  if code ~= 200 then
    log.warn("softwareupdate", "the update manager %s was not told %s: %s", tostring(job.updateManager), service, tostring(response))
  end
end

local function isCurrent(job) return jobs[job.thing] == job end

local function enter(job, state)
  if not isCurrent(job) then return false end
  job.state = state
  log.info("softwareupdate", "%s of %s: %s", tostring(job.id), tostring(job.thing), state)
  tell(job, "UpdateState", { state = state })
  -- It may have been aborted while the update manager was told.
  return isCurrent(job)
end

local function finish(job, state, message)
  if not isCurrent(job) then return end
  jobs[job.thing] = nil
  job.state = state
  log.info("softwareupdate", "%s of %s: %s%s", tostring(job.id), tostring(job.thing), state, message and ", " .. message or "")
  tell(job, "UpdateState", { state = state })
  tell(job, "CompleteDeliveryTarget", { success = state == "completed", message = message or "" })
end

local actions = {}

function actions.start(data)
  if jobs[data.thing] then
    return 409, "the update " .. tostring(jobs[data.thing].id) .. " of " .. tostring(data.thing) .. " is under way"
  end
  data.sw_update_abs_dir = data.sw_update_abs_dir or data.sw_update_dir or p_data.sw_update_dir
  data.downloadTime, data.installTime = tonumber(data.downloadTime), tonumber(data.installTime)
  local ok, job = pcall(thingworx.softwarejob.new, data)
  if not ok then return 400, tostring(job) end
  jobs[job.thing] = job
  job.state = "created"
  if enter(job, "notified") then enter(job, "waitForDownload") end
  return 200
end

-- By its id, or as the only one of its Thing.
local function found(data)
  if data.id == nil then return jobs[data.thing] end
  for _, job in pairs(jobs) do if tostring(job.id) == tostring(data.id) then return job end end
end

function actions.abort(data, job)
  finish(job, "aborted", "aborted by the platform")
  return 200
end

function actions.download(data, job)
  if job.state ~= "notified" and job.state ~= "waitForDownload" then return 409, "download does not go with the state " .. job.state end
  job.isDownloadDue = true
  return 200
end

function actions.downloaded(data, job)
  if job.state == "installing" or job.state == "waitForInstall" then return 409, "downloaded does not go with the state " .. job.state end
  if enter(job, "downloaded") then enter(job, "waitForInstall") end
  return 200
end

for action, field in pairs({ scheduleDownload = "downloadTime", scheduleInstall = "installTime" }) do
  actions[action] = function(data, job)
    local time = tonumber(data.time)
    if not time then return 400, "time: expected ms since 1970" end
    job[field] = time
    return 200
  end
end

-- What it waits for is due.
function actions.now(data, job)
  if job.state == "waitForInstall" then job.installTime = 0 else job.isDownloadDue = true end
  return 200
end

function handle(method, path, headers, query, data)
  local name = path[#path]
  local action = actions[name]
  if not action then return 404, "there is no action " .. tostring(name) end
  if name == "start" then return action(data) end
  local job = found(data)
  if not job then return 404, "there is no update " .. tostring(data.id) .. " of " .. tostring(data.thing) end
  return action(data, job)
end

for name in pairs(actions) do tw_http.registerCallback("/" .. name, "handle") end

local function download(job)
  if not enter(job, "startDownload") then return end
  tell(job, "StartDownload", {})
  enter(job, "downloading")
end

local function install(job)
  if not enter(job, "installing") then return end
  while isCurrent(job) do
    local name, step = job:next_step()
    if name == nil then
      if step ~= nil then return finish(job, "failed", tostring(step)) end
      return finish(job, "completed")
    end
    local ok, done, why = pcall(step, job)
    if not ok or not done then
      return finish(job, "failed", tostring(name) .. ": " .. tostring(ok and (why or "the step did not succeed") or done))
    end
  end
end

while p_data.run do
  local now = tw_utils.datetimeToLuaTime(tw_utils.currentTime()) * 1000
  local present = {}
  for _, job in pairs(jobs) do present[#present + 1] = job end
  for _, job in ipairs(present) do
    if job.state == "waitForDownload" and (job.isDownloadDue or (job.downloadTime and now >= job.downloadTime)) then download(job) end
    if job.state == "waitForInstall" and now >= (job.installTime or 0) then install(job) end
  end
  tw_utils.psleep(200)
end
