-- What this machine is doing: load, memory, temperature where there is a sensor. Runs as it is on any Linux.
module("templates.host", thingworx.template.extend)

local function read(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

properties.load = { baseType = "NUMBER", pushType = "ALWAYS", scanRate = 2000,
  description = "Processes that want to run, mean of a minute" }
properties.memoryUsed = { baseType = "NUMBER", pushType = "VALUE", pushThreshold = 0.1, scanRate = 2000,
  description = "Percent of memory in use" }
properties.temperature = { baseType = "NUMBER", pushType = "VALUE", scanRate = 2000, description = "Degrees Celsius, 0 without a sensor" }
properties.uptime = { baseType = "INTEGER", pushType = "VALUE", scanRate = 2000, description = "Seconds since the machine started" }
properties.kernel = { baseType = "STRING", pushType = "VALUE", scanRate = 60000 }
properties.setpoint = { baseType = "NUMBER", pushType = "VALUE", scanRate = 1000, value = 20, description = "Written by anyone, kept here" }

dataShapes.Process(
  { name = "pid", baseType = "INTEGER" },
  { name = "command", baseType = "STRING" },
  { name = "memory", baseType = "NUMBER", description = "Percent" }
)

serviceDefinitions.Add(
  input { name = "a", baseType = "NUMBER", description = "One number" },
  input { name = "b", baseType = "NUMBER", description = "Another one" },
  output { baseType = "NUMBER", description = "Their sum" },
  description { "Adds two numbers." }
)

services.Add = function(me, headers, query, data)
  return 200, data.a + data.b
end

serviceDefinitions.GetProcesses(
  input { name = "count", baseType = "INTEGER", description = "How many, 5 when not given" },
  output { baseType = "INFOTABLE", aspects = { dataShape = "Process" } },
  description { "The processes that use most memory." }
)

services.GetProcesses = function(me, headers, query, data)
  local table_ = tw_infotable.createInfoTable(DataShape.Process:clone())
  local pipe = io.popen("ps -eo pid=,pmem=,comm= --sort=-pmem | head -n " .. math.floor(data.count or 5))
  for line in pipe:lines() do
    local pid, memory, command = string.match(line, "^%s*(%d+)%s+([%d.]+)%s+(.+)$")
    if pid then table_:addRow { pid = pid, memory = memory, command = command } end
  end
  pipe:close()
  return 200, table_:toTable()
end

tasks.Refresh = function(me)
  properties.load.value = tonumber(string.match(read("/proc/loadavg") or "", "^[%d.]+")) or 0
  local memory = read("/proc/meminfo") or ""
  local total = tonumber(string.match(memory, "MemTotal:%s+(%d+)"))
  local available = tonumber(string.match(memory, "MemAvailable:%s+(%d+)"))
  if total and available then properties.memoryUsed.value = math.floor(1000 * (total - available) / total + 0.5) / 10 end
  local millidegrees = tonumber(read("/sys/class/thermal/thermal_zone0/temp") or "")
  properties.temperature.value = millidegrees and millidegrees / 1000 or 0
  properties.uptime.value = math.floor(tonumber(string.match(read("/proc/uptime") or "", "^[%d.]+")) or 0)
  properties.kernel.value = string.gsub(read("/proc/sys/kernel/osrelease") or "", "%s+$", "")
end

-- Values from the start, not only from the first run of the tasks.
tasks.Refresh()
