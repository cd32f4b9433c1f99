-- log.<level>(area, format, ...): printf style. Without a format the area is the text. A disabled level is an empty function.
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

local function write(level, area, format, ...)
  if format == nil and select("#", ...) == 0 then area, format = native.config.name, area end
  native.log(level, tostring(area), text(format, ...))
end

-- Every step, for whoever looks for a mistake.
function log.trace(area, format, ...) write("trace", area, format, ...) end

-- What helps to find a mistake.
function log.debug(area, format, ...) write("debug", area, format, ...) end

-- What happens.
function log.info(area, format, ...) write("info", area, format, ...) end

-- What somebody should look at.
function log.warn(area, format, ...) write("warn", area, format, ...) end

-- What went wrong. A format that does not fit its arguments is written with them behind it; no level raises an error.
function log.error(area, format, ...) write("error", area, format, ...) end

-- What matters to whoever watches over access. Written whatever the level.
function log.audit(area, format, ...) write("audit", area, format, ...) end

-- Written whatever the level.
function log.force(area, format, ...) write("force", area, format, ...) end

local function nothing() end

for level, rank in pairs(ranks) do if rank < threshold then log[level] = nothing end end

return log
