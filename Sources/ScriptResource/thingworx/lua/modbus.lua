-- A Modbus client, TCP or RTU over TCP, on LuaSocket.
local bit = require("bit")
local decode = native.load("modbus_values")
local modbus = {}
modbus.__index = modbus

local exceptions = {
  [1] = "illegal function", [2] = "illegal data address", [3] = "illegal data value", [4] = "server device failure", [5] = "acknowledge",
  [6] = "server device busy", [8] = "memory parity error", [10] = "gateway path unavailable", [11] = "gateway target did not respond",
}

local function word(number)
  number = math.floor(tonumber(number) or 0)
  return string.char(bit.band(bit.rshift(number, 8), 255), bit.band(number, 255))
end

local function wordAt(text, position) return string.byte(text, position) * 256 + string.byte(text, position + 1) end

-- Options: host, port (502), timeout in ms (2000), rtu (false: TCP framing). Connects when it is first used. → client; raises
-- an error for no table
function modbus:new(config)
  if type(config) ~= "table" then error("modbus:new: expected a table with host, port and timeout, found " .. type(config), 2) end
  return setmetatable({
    host = config.host or "127.0.0.1", port = tonumber(config.port) or 502, rtu = config.rtu or false,
      timeout = (tonumber(config.timeout) or 2000) / 1000,
    transaction = 0,
  }, modbus)
end

-- Sets the timeout, in ms.
function modbus:set_read_timeout(milliseconds)
  self.timeout = (tonumber(milliseconds) or 2000) / 1000
  if self.socket then self.socket:settimeout(self.timeout) end
end

-- Closes the connection; the next call opens it again.
function modbus:close()
  if self.socket then self.socket:close() end
  self.socket = nil
end

local function connected(self)
  if self.socket then return true end
  local socket = require("socket").tcp()
  socket:settimeout(self.timeout)
  local ok, why = socket:connect(self.host, self.port)
  if not ok then return nil, why end
  self.socket = socket
  return true
end

local function isOn(value) return value and value ~= 0 and value ~= "0" end

-- What goes behind function and register, or nil and why not.
local function payload(code, count, data)
  if code <= 4 then return word(count or 1) end
  if code == 5 then
    local value = data
    if type(data) == "table" then value = data[1] end
    return word(isOn(value) and 0xFF00 or 0)
  end
  if code == 6 then return word(type(data) == "table" and data[1] or data) end
  local list = type(data) == "table" and data or { data }
  count = tonumber(count) or #list
  if count < 1 or count > 1968 or (code == 16 and count > 123) then return nil, "a count of " .. count .. " does not go into one frame" end
  if code == 15 then
    local bytes = {}
    for index = 1, count do
      local place = math.floor((index - 1) / 8) + 1
      bytes[place] = bit.bor(bytes[place] or 0, isOn(list[index]) and bit.lshift(1, (index - 1) % 8) or 0)
    end
    return word(count) .. string.char(#bytes) .. string.char(unpack(bytes))
  end
  if code == 16 then
    local words = {}
    for index = 1, count do words[index] = word(list[index]) end
    return word(count) .. string.char(count * 2) .. table.concat(words)
  end
  return nil, "function " .. tostring(code) .. " is not known here"
end

local function send(self, slave, pdu)
  local ok, why = connected(self)
  if not ok then return nil, why end
  local frame
  if self.rtu then
    frame = string.char(slave) .. pdu
    local crc = tw_utils.calculateCRC16(frame)
    frame = frame .. string.char(bit.band(crc, 255), bit.rshift(crc, 8))
  else
    self.transaction = self.transaction % 65535 + 1
    frame = word(self.transaction) .. word(0) .. word(#pdu + 1) .. string.char(slave) .. pdu
  end
  local sent, failure = self.socket:send(frame)
  if not sent then
    self:close()
    return nil, failure
  end
  return true
end

-- Sends a request, as executeFunction does, and waits for its answer. → frame { slave, code, data }, or nil and why
function modbus:transmitFrame(slave, func, register, count, data)
  slave, func = tonumber(slave), tonumber(func)
  if not slave or slave < 0 or slave > 255 or not func or func < 1 or func > 127 then
    return nil, "expected a slave from 0 to 255 and a function from 1 to 127"
  end
  local rest, why = payload(func, count, data)
  if not rest then return nil, why end
  local ok
  ok, why = send(self, slave, string.char(func) .. word(register) .. rest)
  if not ok then return nil, why end
  return self:rcvFrame(slave, func)
end

local function receive(self, count)
  local text, why = self.socket:receive(count)
  if not text then self:close() end
  return text, why
end

local function receiveTCP(self)
  while true do
    local head, why = receive(self, 7)
    if not head then return nil, why end
    local length = wordAt(head, 5)
    if length < 2 or length > 254 then
      self:close()
      return nil, "a frame of " .. length .. " bytes"
    end
    local pdu
    pdu, why = receive(self, length - 1)
    if not pdu then return nil, why end
    -- An answer to a request that was given up before is passed over.
    if wordAt(head, 1) == self.transaction then return string.byte(head, 7), pdu end
  end
end

local function receiveRTU(self)
  local head, why = receive(self, 3)
  if not head then return nil, why end
  local code = string.byte(head, 2)
  local rest = code > 127 and 2 or (code <= 4 and string.byte(head, 3) + 2 or 5)
  local tail
  tail, why = receive(self, rest)
  if not tail then return nil, why end
  local frame = head .. tail
  local crc = string.byte(frame, #frame - 1) + string.byte(frame, #frame) * 256
  if crc ~= tw_utils.calculateCRC16(string.sub(frame, 1, -3)) then
    self:close()
    return nil, "the checksum of the answer is wrong"
  end
  return string.byte(frame, 1), string.sub(frame, 2, -3)
end

-- Waits for an answer of that slave to that function. → frame { slave, code, data }, or nil and why
function modbus:rcvFrame(slaveId, code)
  if not self.socket then return nil, "not connected" end
  local slave, pdu = (self.rtu and receiveRTU or receiveTCP)(self)
  if not slave then return nil, pdu end
  local found = string.byte(pdu, 1)
  if (slaveId ~= nil and slave ~= tonumber(slaveId)) or (code ~= nil and bit.band(found, 127) ~= tonumber(code)) then
    self:close()
    return nil, "an answer of slave " .. slave .. " to function " .. found
  end
  return { slave = slave, code = found, data = string.sub(pdu, 2) }
end

-- The values in an answer's bytes, those behind the code: of coils truth values, of registers numbers from 0 to 65535, or
-- what `formats` say (a list of { type, … }: Int16, Uint16, Int32, Uint32, Float with scale and offset, Double, String with
-- its length, MaskedBitmap16, MaskedBitmap32 with offset and length, Timestamp). → list, or those up to a mistake and what
-- it is
function modbus:processResponse(code, pkt, formats)
  if code > 127 then return {}, exceptions[string.byte(pkt, 1)] or "exception " .. tostring(string.byte(pkt, 1)) end
  if code > 4 then return { 0 } end
  local bytes = string.sub(pkt, 2, 1 + (string.byte(pkt, 1) or 0))
  if #bytes ~= string.byte(pkt, 1) then return {}, "an answer that ends too early" end
  if code <= 2 then
    local values = {}
    for index = 0, #bytes * 8 - 1 do
      values[index + 1] = bit.band(string.byte(bytes, 1 + math.floor(index / 8)), bit.lshift(1, index % 8)) ~= 0
    end
    return values
  end
  return decode(bytes, formats)
end

-- Functions 1 to 4 read `count` coils or registers from `register`; 5 and 6 write `data`; 15 and 16 write a list. → list of
-- values, as processResponse; 0 for what was written; nil and why where there is no answer, or a refusal
function modbus:executeFunction(slave, func, register, count, data, formats)
  local frame, why = self:transmitFrame(slave, func, register, count, data)
  if not frame then return nil, why end
  local values, failure = self:processResponse(frame.code, frame.data, formats)
  if frame.code > 127 then return nil, failure end
  if frame.code > 4 then return 0 end
  if failure then return nil, failure end
  -- Coils come eight at a time.
  if frame.code <= 2 then for index = #values, (tonumber(count) or 1) + 1, -1 do values[index] = nil end end
  return values
end

return modbus
