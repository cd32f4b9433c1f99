-- A sensor for temperature, pressure and humidity, whose raw registers are compensated here.
local calibration = { T1 = 27504, T2 = 26435, T3 = -1000 }

local function signed(n) if n > 32767 then return n - 65536 end return n end

function fine(raw)
  local var1 = (raw / 16384 - calibration.T1 / 1024) * calibration.T2
  local var2 = math.pow(raw / 131072 - calibration.T1 / 8192, 2) * signed(calibration.T3 + 65536)
  return var1 + var2
end

function temperature(raw) return string.format("%.2f", fine(raw) / 5120) end

function registers(dump)
  local bytes = {}
  for byte in string.gmatch(dump, "0x(%x%x)") do bytes[#bytes + 1] = tonumber(byte, 16) end
  return unpack(bytes)
end

local last = { temperature = "0", time = 0 }

function read(method, path, headers, query, data)
  if path[1] == "registers" then return 200, table.concat({ registers("0x80 0x0a\t0xff") }, "\,") end
  if method ~= "GET" then return 405, "only GET" end
  return 200, { ["Content-Type"] = "application/json" }, '{"temperature":' .. last.temperature .. '}'
end

if tw_http then
  tw_http.registerCallback("/", "read")
  tw_http.registerCallback("/registers", "read")
  while p_data.run do
    last.temperature = temperature(519888)
    tw_utils.psleep(200)
  end
end
