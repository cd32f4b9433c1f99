-- A job of several steps: each is a function that is called with the job and returns true when it is done.
local softwarejob = {}
softwarejob.__index = softwarejob

-- A job of steps that have not begun. → job
function softwarejob.new(name, steps) return setmetatable({ name = name, steps = steps or {}, current = 0, state = "NEW" }, softwarejob) end

-- Runs the next step. → whether there are more, and why the job failed; `state` is NEW, RUNNING, COMPLETED or FAILED.
function softwarejob:next_step()
  if self.state == "FAILED" or self.state == "COMPLETED" then return false, self.message end
  local step = self.steps[self.current + 1]
  if not step then
    self.state = "COMPLETED"
    return false
  end
  self.state = "RUNNING"
  local ok, done, message = pcall(step, self)
  if not ok or done == false then
    self.state, self.message = "FAILED", tostring(ok and (message or "the step did not succeed") or done)
    return false, self.message
  end
  self.current = self.current + 1
  if self.current == #self.steps then self.state = "COMPLETED" end
  return self.state == "RUNNING"
end

return softwarejob
