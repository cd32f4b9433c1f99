-- Software updates that the platform deploys: one job at a time, moved on by the service TriggerUpdateAction and told to the
-- platform's update manager (services UpdateState and CompleteDeliveryTarget of the Thing that the job names).
--
-- An installation runs the job's script, a Lua file of the package, as a script of its own; it is done when the script returns
-- true, and has failed when it returns anything else or raises an error.
module("shapes.swupdate", thingworx.shape.extend)

-- Where each action may be taken.
local from = {
  start = {}, download = { notified = true, waitForDownload = true }, downloaded = { notified = true, waitForDownload = true, downloading = true },
  install = { downloaded = true, waitForInstall = true },
}

-- How long an installation may take, in ms.
local installLimit = 3600000

local job

local function tell(job, service, parameters)
  parameters.id = job.id
  local code, response = server.invoke(service, parameters, job.updateManager)
  if code ~= 200 then log.warn(name, "the update manager %s was not told %s: %s", tostring(job.updateManager), service, tostring(response)) end
end

-- Callbacks run while the update manager is told: a job may be gone, and another there, when it has been.
local function enter(mine, state)
  if job ~= mine then return end
  job.state = state
  log.info(name, "software update %s: %s", tostring(job.id), state)
  tell(job, "UpdateState", { state = state })
end

local function finish(state, message)
  -- The next one may come while the update manager is told of this one.
  local done = job
  job = nil
  log.info(name, "software update %s: %s%s", tostring(done.id), state, message and ", " .. message or "")
  tell(done, "CompleteDeliveryTarget", { success = state == "completed", message = message or "" })
end

local function file(job, name) return job.path and job.path ~= "" and string.gsub(job.path, "/+$", "") .. "/" .. name or name end

-- The package's script as a script of its own: its result, or nil and why there is none.
local function run(job)
  if type(job.script) ~= "string" then return nil, "the job names no script" end
  local script = "swupdate-" .. tostring(job.id)
  local added, why = tw_script.loadScriptFromFile(script, file(job, job.script), installLimit)
  if not added then return nil, why end
  local last = native.now() + installLimit
  local status = tw_script.getStatus(script)
  while status == "Loading" or status == "Running" do
    if native.now() > last then break end
    tw_utils.psleep(200)
    status = tw_script.getStatus(script)
  end
  local result, text = tw_script.getResult(script)
  tw_script.removeScript(script)
  if status ~= "Finished" then return nil, "the script ended as " .. tostring(status) end
  if result ~= true then return nil, text and tostring(text) or "the script returned " .. tostring(result) end
  return true
end

local actions = {}

function actions.start(params)
  if job then return 409, "the update " .. tostring(job.id) .. " is under way" end
  job = { id = params.id, name = params.name, thing = params.thing, repository = params.repository, path = params.path, script = params.script,
    updateManager = params.updateManager, state = "created" }
  local mine = job
  enter(mine, "notified")
  enter(mine, "waitForDownload")
  return 200
end

function actions.abort() finish("aborted", "aborted by the platform") return 200 end
function actions.download() enter(job, "downloading") return 200 end

function actions.downloaded()
  local mine = job
  enter(mine, "downloaded")
  enter(mine, "waitForInstall")
  return 200
end

-- Answered at once; the task of the name installs.
function actions.install()
  job.wanted = true
  return 200
end

serviceDefinitions.TriggerUpdateAction(
  input { name = "action", baseType = "STRING", description = "start, download, downloaded, install or abort" },
  input { name = "params", baseType = "JSON", description = "id of the job; with start also name, thing, repository, path, script and updateManager" },
  output { baseType = "NOTHING" }, description { "Moves a software update on." })

services.TriggerUpdateAction = function(me, headers, query, data)
  local action, params = data.action, type(data.params) == "table" and data.params or {}
  if not actions[action] then return 400, "action: expected start, download, downloaded, install or abort, found " .. tostring(action) end
  if action == "start" then
    if params.id == nil then return 400, "params.id: expected the number of the job" end
    return actions.start(params)
  end
  if not job or job.id ~= params.id then return 404, "there is no update " .. tostring(params.id) end
  if action ~= "abort" and not from[action][job.state] then return 409, action .. " does not go with the state " .. job.state end
  return actions[action](params)
end

serviceDefinitions.GetUpdateState(output { baseType = "JSON" }, description { "The software update that is under way; an empty object when there is none." })
services.GetUpdateState = function() return 200, job and { id = job.id, name = job.name, state = job.state } or {} end

tasks.InstallSoftwareUpdate = function()
  if not job or not job.wanted then return end
  local mine = job
  job.wanted = nil
  enter(mine, "installing")
  local ok, why = run(mine)
  if job == mine then finish(ok and "completed" or "failed", why) end
end
