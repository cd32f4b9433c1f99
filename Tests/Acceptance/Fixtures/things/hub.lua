-- A hub of 3D printers that takes photos and talks to their servers.
require "utils"

module ("templates.hub", thingworx.template.extend)

local printers = { "north", "south" }

dataShapes.PrinterState(
  { name="name", baseType="STRING" },
  { name="percent", baseType="NUMBER" },
  { name="state", baseType="STRING", aspects={defaultValue="idle"} }
)

properties.Photo = { baseType="IMAGE", pushType="VALUE", value=0 }
properties.States = { baseType="INFOTABLE", dataShape="PrinterState", pushType="VALUE" }
properties.Place = { baseType="LOCATION", pushType="VALUE", value={ latitude=52.5, longitude=13.4, elevation=34 } }

serviceDefinitions.TakePhoto(output { baseType="IMAGE" }, description { "takes a photo" })
serviceDefinitions.GetStates(output { baseType="INFOTABLE", aspects={dataShape="PrinterState"} })
serviceDefinitions.SendCommand(
  input { name="printer", baseType="STRING", description="its name" },
  input { name="command", baseType="STRING" },
  output { baseType="STRING" }
)

-- "T:201.5 /200.0 B:59.8 /60.0" as pairs
function temperatures(line)
  local found = {}
  for name, now, wanted in string.gfind(line, "(%a+):(%-?%d+\.?%d*)%s*/(%-?%d+\.?%d*)") do
    table.insert(found, name .. "=" .. now .. "/" .. wanted)
  end
  table.sort(found)
  return table.concat(found, " ")
end

function progress(line)
  local done, of = string.match(line, "SD printing byte (%d+)\/(%d+)")
  if not done then return 0 end
  return math.floor(100 * done / of + .5)
end

function shellQuoted(text)
  return "'" .. string.gsub(text, "'", "'\\''") .. "'"
end

local function states()
  local it = tw_infotable.createInfoTable(DataShape.PrinterState:clone())
  for index, name in ipairs(printers) do
    local ok, err = it:addRow{ name=name, percent=progress("SD printing byte " .. index .. "/4") }
    if err then log.error("hub", err) end
  end
  return it
end

services.TakePhoto = function(me, headers, query, data)
  local camera = io.popen("printf '\\377\\330photo'")
  local bytes = camera:read("*a")
  camera:close()
  properties.Photo.value = tw_utils.base64_encode(bytes)
  return 200, bytes
end

services.GetStates = function(me, headers, query, data)
  return 200, states():toTable()
end

services.SendCommand = function(me, headers, query, data)
  if not table.containsValue(printers, data.printer) then return 404, "no printer " .. tostring(data.printer) end
  local answer = io.popen("echo " .. shellQuoted(data.command)):read("*l")
  server.fireEvent("CommandSent", { printer=data.printer, command=data.command })
  return 200, answer, tw_utils.RESP_HEADERS()
end

tasks.Watch = function(me)
  properties.States.value = states():toTable()
end
