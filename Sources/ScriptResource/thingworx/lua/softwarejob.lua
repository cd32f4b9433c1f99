-- A software update: an archive with a script in it, whose steps are run one after the other.
local softwarejob = {}
softwarejob.__index = softwarejob

local required = { "id", "name", "thing", "repository", "path", "script", "updateManager" }

-- A job of a table with id, name, thing, repository, path, script and updateManager, and sw_update_abs_dir where the archive
-- lies; downloadTime and installTime are numbers. → job, which has besides zip_file, zip_dir, zip_abs_path, current_step,
-- steps and error; raises an error for what is missing or no number
function softwarejob.new(t)
  if type(t) ~= "table" then error("softwarejob.new: expected a table, found " .. type(t), 2) end
  local job = {}
  for key, value in pairs(t) do job[key] = value end
  for _, key in ipairs(required) do if job[key] == nil then error("softwarejob.new: " .. key .. " is missing", 2) end end
  for _, key in ipairs({ "downloadTime", "installTime" }) do
    if job[key] ~= nil and type(job[key]) ~= "number" then
      error("softwarejob.new: " .. key .. ": expected a number, found " .. type(job[key]), 2)
    end
  end
  local directory = tostring(job.sw_update_abs_dir or tw_dir.pwd())
  job.zip_file = string.match(tostring(job.path), "([^/]+)/*$") or ""
  job.zip_dir = (string.gsub(job.zip_file, "%.[^.]*$", ""))
  job.zip_abs_path = directory .. "/" .. job.zip_file
  job.abs_dir = directory .. "/" .. job.zip_dir
  job.current_step, job.steps, job.error = 1, {}, ""
  return setmetatable(job, softwarejob)
end

-- Unpacks the archive and runs its script, with the job as environment. → true, or nil and why
local function open(job)
  if not string.match(tostring(job.script), "^[%w_.%-]+$") then
    return nil, "the script's name " .. tostring(job.script) .. " is no plain name"
  end
  local ok, why = tw_dir.decompress(job.zip_abs_path, job.abs_dir)
  if not ok then return nil, "the archive " .. job.zip_abs_path .. " cannot be unpacked: " .. tostring(why) end
  local chunk
  chunk, why = loadfile(job.abs_dir .. "/" .. job.script)
  if not chunk then return nil, why end
  -- Globals and the job's own fields are seen; what the script defines becomes the job's.
  setfenv(chunk, setmetatable({}, {
    __index = function(_, name)
      local value = job[name]
      if value == nil then value = _G[name] end
      return value
    end,
    __newindex = job,
  }))
  ok, why = pcall(chunk)
  if not ok then return nil, tostring(why) end
  if type(rawget(job, "steps")) ~= "table" then return nil, "the script sets no list `steps`" end
  return true
end

-- The next step; the first call unpacks the archive and loads its script, which sets `steps`, a list of names, and a function
-- for each. A step's function is called with the job, and returns true, or nil and why. → name, function; nil after the
-- last; nil and why where it cannot be
function softwarejob:next_step()
  if not rawget(self, "isOpen") then
    local ok, why = open(self)
    if not ok then
      self.error = why
      return nil, why
    end
    self.isOpen = true
  end
  local name = self.steps[self.current_step]
  if name == nil then return nil end
  local f = rawget(self, name)
  if type(f) ~= "function" then
    self.error = "the script has no function " .. tostring(name)
    return nil, self.error
  end
  self.current_step = self.current_step + 1
  return name, f
end

return softwarejob
