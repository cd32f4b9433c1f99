-- log.<level>(area, format, ...): printf style. A disabled level is an empty function.
local log = {}

local ranks = { trace = 1, debug = 2, info = 3, warn = 4, error = 5, audit = 6, force = 6 }
local threshold = ranks[string.lower(native.config.logLevel)] or ranks.info

local function text(format, ...)
  if format == nil then return "" end
  if select("#", ...) == 0 then return tostring(format) end
  local arguments = { n = select("#", ...), ... }
  for i = 1, arguments.n do
    local kind = type(arguments[i])
    if kind ~= "number" and kind ~= "string" then arguments[i] = tostring(arguments[i]) end
  end
  local ok, line = pcall(string.format, tostring(format), unpack(arguments, 1, arguments.n))
  return ok and line or tostring(format) .. " " .. table.concat(arguments, " ")
end

for level, rank in pairs(ranks) do
  if rank < threshold then
    log[level] = function() end
  else
    log[level] = function(area, format, ...)
      if format == nil and select("#", ...) == 0 then area, format = native.config.name, area end
      native.log(level, tostring(area), text(format, ...))
    end
  end
end

return log
