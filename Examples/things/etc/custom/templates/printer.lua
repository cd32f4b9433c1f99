-- A 3D printer that is driven by a command of the system, as a Thing.
--
-- In config.lua: command is the program to call; pollSeconds the time between two looks at it.
require "utils"

module ("templates.printer", thingworx.template.extend)

dataShapes.PrintFile(
  { name="name", baseType="STRING", description="As the printer knows it" },
  { name="bytes", baseType="INTEGER" },
  { name="kind", baseType="STRING", aspects={defaultValue="gcode"} }
)

properties.state = { baseType="STRING", pushType="VALUE", value="unknown", description="idle, printing, finished or unknown" }
properties.file = { baseType="STRING", pushType="VALUE", value="" }
properties.progress = { baseType="INTEGER", pushType="VALUE", pushThreshold=4, value=0, description="Percent" }
properties.extruder = { baseType="NUMBER", pushType="VALUE", pushThreshold=0.5, value=0, description="°C" }
properties.bed = { baseType="NUMBER", pushType="VALUE", pushThreshold=0.5, value=0, description="°C" }
properties.prints = { baseType="INTEGER", pushType="VALUE", value=0, description="Finished since the printer was set up" }
properties.lastSeen = { baseType="DATETIME", pushType="NEVER", value=0 }

-- The count survives a restart.
p_data.persist = { "prints" }
properties.prints.value = p_data.prints or 0

local limits = { extruder = 280, bed = 120 }

-- A word of a shell command, whatever is in it.
local function quoted(text)
  return "'" .. string.gsub(tostring(text), "'", "'\\''") .. "'"
end

-- What the printer's command says, or nil and why not.
local function printer(...)
  local words = { p_data.command or "./printer" }
  for _, word in ipairs({ ... }) do words[#words + 1] = quoted(word) end
  local pipe, why = io.popen(table.concat(words, " ") .. " 2>&1")
  if not pipe then return nil, why end
  local text = pipe:read("*a")
  pipe:close()
  text = string.gsub(text, "%s+$", "")
  if text == "" or string.find(text, "^error") or string.find(text, "not found") then return nil, text end
  return text
end

-- Services answer what came of a command.
local function answer(text, why)
  if text == "ok" then return 200, true end
  log.warn(name, "the printer refused: %s", tostring(why or text))
  return 502, "the printer refused: " .. tostring(why or text)
end

serviceDefinitions.StartPrint(
  input { name="file", baseType="STRING", description="One of ListFiles" },
  input { name="minutes", baseType="NUMBER", description="How long it will take" },
  output { baseType="BOOLEAN" },
  description { "Starts a print" }
)
services.StartPrint = function(me, headers, query, data)
  if not data.file or data.file == "" then return 400, "file: expected the name of a file" end
  if not data.minutes or data.minutes <= 0 then return 400, "minutes: expected a number above 0" end
  if properties.state.value == "printing" then return 409, properties.file.value .. " is being printed" end
  local code, result = answer(printer("start", data.file, math.ceil(data.minutes * 60)))
  if code == 200 then properties.state.value, properties.file.value = "printing", data.file end
  return code, result
end

serviceDefinitions.Cancel(output { baseType="BOOLEAN" }, description { "Ends a print" })
services.Cancel = function() return answer(printer("cancel")) end

serviceDefinitions.Heat(
  input { name="part", baseType="STRING", description="extruder or bed" },
  input { name="degrees", baseType="NUMBER", description="°C" },
  output { baseType="BOOLEAN" },
  description { "Sets a temperature to reach" }
)
services.Heat = function(me, headers, query, data)
  local limit = limits[data.part]
  if not limit then return 400, "part: expected extruder or bed, found " .. tostring(data.part) end
  if not data.degrees or data.degrees < 0 or data.degrees > limit then return 400, "degrees: expected 0 to " .. limit end
  return answer(printer("heat", data.part, data.degrees))
end

serviceDefinitions.ListFiles(output { baseType="INFOTABLE", aspects={dataShape="PrintFile"} }, description { "Files that can be printed" })
services.ListFiles = function()
  local text, why = printer("files")
  if not text then return 502, why end
  local it = tw_infotable.createInfoTable(DataShape.PrintFile:clone())
  for line in string.gmatch(text, "[^\n]+") do
    local file, bytes = string.match(line, "^(.*) (%d+)$")
    local ok, wrong = it:addRow { name = file, bytes = bytes }
    if not ok then log.warn(name, "%s: %s", line, wrong) end
  end
  return 200, it:toTable()
end

local function finished(file)
  properties.prints.value = properties.prints.value + 1
  p_data.prints = properties.prints.value
  log.info(name, "%s is printed, number %d", file, properties.prints.value)
  -- Whoever listens on the platform; nobody need be there.
  local code = server.fireEvent("PrintFinished", { file = file, number = properties.prints.value })
  if code ~= 200 then log.debug(name, "the event was not taken: %d", code) end
end

local nextLook = 0

tasks.Poll = function(me)
  if os.time() < nextLook then return end
  nextLook = os.time() + (tonumber(p_data.pollSeconds) or 2)
  local text, why = printer("status")
  if not text then
    if properties.state.value ~= "unknown" then log.error(name, "the printer does not answer: %s", tostring(why)) end
    properties.state.value = "unknown"
    return
  end
  local state, file, progress = string.match(text, "^(%S+) (.*) (%d+)$")
  local before = properties.state.value
  properties.state.value, properties.progress.value = state, tonumber(progress)
  properties.file.value = file == "-" and "" or file
  properties.lastSeen.value = os.time() * 1000
  if state == "finished" and before == "printing" then
    finished(file)
    printer("cancel")
  end
  local extruder, bed = string.match(printer("temperature") or "", "T:([%d.]+) B:([%d.]+)")
  if extruder then properties.extruder.value, properties.bed.value = tonumber(extruder), tonumber(bed) end
end
