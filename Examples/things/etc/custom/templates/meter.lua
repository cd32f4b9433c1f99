-- An energy meter that speaks Modbus TCP, as a Thing.
--
-- In config.lua: meterHost, meterPort and unit say where it is. Its registers: 10 voltage in tenths of a volt, 11 frequency in
-- tenths of a hertz, 20 the limit in watts above which coil 5 opens; coil 5 the contactor.
local modbus = require "modbus"

module ("templates.meter", thingworx.template.extend)

properties.voltage = { baseType="NUMBER", pushType="VALUE", pushThreshold=0.5, value=0, description="V" }
properties.frequency = { baseType="NUMBER", pushType="VALUE", pushThreshold=0.05, value=0, description="Hz" }
properties.limit = { baseType="INTEGER", pushType="VALUE", value=0, description="W" }
properties.closed = { baseType="BOOLEAN", pushType="VALUE", value=false, description="Whether the contactor is closed" }
properties.failures = { baseType="INTEGER", pushType="VALUE", value=0, description="Looks in a row that failed" }

local meter = modbus:new { host = p_data.meterHost or "127.0.0.1", port = tonumber(p_data.meterPort) or 502, timeout = 1000 }
local unit = tonumber(p_data.unit) or 1

-- Values, or 0 for what was written, or nil; what is wrong with the meter is told once, and again when it is well.
local function ask(code, address, count, value)
  local values, why = meter:executeFunction(unit, code, address, count, value)
  local failures = properties.failures
  if values then
    if failures.value > 0 then log.info(name, "the meter answers again") end
    failures.value = 0
    return values
  end
  if failures.value == 0 then log.warn(name, "the meter does not answer: %s", why) end
  failures.value = failures.value + 1
  for _, property in ipairs { "voltage", "frequency", "limit", "closed" } do properties[property].quality = "BAD" end
  return nil, why
end

local function set(property, value)
  properties[property].value, properties[property].quality = value, "GOOD"
end

tasks.Read = function(me)
  local values = ask(3, 10, 2)
  if not values then return end
  set("voltage", values[1] / 10)
  set("frequency", values[2] / 10)
  local limit = ask(3, 20, 1)
  if limit then set("limit", limit[1]) end
  local coils = ask(1, 5, 1)
  if coils then set("closed", coils[1]) end
end

serviceDefinitions.SetLimit(
  input { name="watts", baseType="INTEGER", description="0 to 65535" },
  output { baseType="BOOLEAN" },
  description { "Sets the limit above which the contactor opens" }
)
services.SetLimit = function(me, headers, query, data)
  if not data.watts or data.watts < 0 or data.watts > 65535 then return 400, "watts: expected 0 to 65535" end
  local done, why = ask(6, 20, 1, data.watts)
  if not done then return 504, "the meter does not answer: " .. why end
  set("limit", data.watts)
  return 200, true
end

serviceDefinitions.Switch(input { name="closed", baseType="BOOLEAN" }, output { baseType="BOOLEAN" },
  description { "Closes or opens the contactor" })
services.Switch = function(me, headers, query, data)
  if data.closed == nil then return 400, "closed: expected true or false" end
  local done, why = ask(5, 5, 1, data.closed)
  if not done then return 504, "the meter does not answer: " .. why end
  set("closed", data.closed)
  return 200, data.closed
end

me:addLifecycleListener("stop", "connection", function() meter:close() end)
