-- A Modbus client, TCP or RTU over TCP, on LuaSocket.
local bit = require("bit")
local modbus = {}
modbus.__index = modbus

local exceptions = {
  [1] = "illegal function", [2] = "illegal data address", [3] = "illegal data value", [4] = "server device failure", [5] = "acknowledge",
  [6] = "server device busy", [8] = "memory parity error", [10] = "gateway path unavailable", [11] = "gateway target did not respond",
}

local function word(number) return string.char(bit.band(bit.rshift(number, 8), 255), bit.band(number, 255)) end
local function wordAt(text, position) return string.byte(text, position) * 256 + string.byte(text, position + 1) end

-- Options: host, port (502), unit (1), rtu (false: TCP framing), timeout in ms (2000). Connects when it is first used.
-- → client
function modbus.new(options)
  return setmetatable({
    host = options.host, port = options.port or 502, unit = options.unit or 1, rtu = options.rtu or false,
    timeout = (options.timeout or 2000) / 1000, transaction = 0,
  }, modbus)
end

-- Sets the timeout, in ms.
function modbus:set_read_timeout(milliseconds)
  self.timeout = milliseconds / 1000
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

-- Sends one frame around a function's bytes. → true, or nil and why
function modbus:transmitFrame(pdu)
  local ok, why = connected(self)
  if not ok then return nil, why end
  local frame
  if self.rtu then
    frame = string.char(self.unit) .. pdu
    local crc = tw_utils.calculateCRC16(frame)
    frame = frame .. string.char(bit.band(crc, 255), bit.rshift(crc, 8))
  else
    self.transaction = self.transaction % 65535 + 1
    frame = word(self.transaction) .. word(0) .. word(#pdu + 1) .. string.char(self.unit) .. pdu
  end
  local sent, failure = self.socket:send(frame)
  if not sent then
    self:close()
    return nil, failure
  end
  return true
end

local function receive(self, count)
  local text, why = self.socket:receive(count)
  if not text then self:close() end
  return text, why
end

-- Waits for the answer. → the bytes of its function, or nil and why
function modbus:rcvFrame()
  if not self.socket then return nil, "not connected" end
  if not self.rtu then
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
      if wordAt(head, 1) == self.transaction then return pdu end
    end
  end
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
  return string.sub(frame, 2, -3)
end

-- What an answer holds. → a list of booleans or words, or address and value of what was written; nil and why for an
-- exception
function modbus.processResponse(pdu, count)
  local code = string.byte(pdu, 1)
  if code > 127 then return nil, exceptions[string.byte(pdu, 2)] or "exception " .. string.byte(pdu, 2) end
  local values = {}
  if code == 1 or code == 2 then
    for index = 0, (count or (#pdu - 2) * 8) - 1 do
      values[index + 1] = bit.band(string.byte(pdu, 3 + math.floor(index / 8)), bit.lshift(1, index % 8)) ~= 0
    end
  elseif code == 3 or code == 4 then
    for position = 3, #pdu - 1, 2 do values[#values + 1] = wordAt(pdu, position) end
  else
    values = { wordAt(pdu, 2), wordAt(pdu, 4) }
  end
  return values
end

-- Functions 1 to 4 read `value` things from an address; 5 and 6 write one; 15 and 16 write a list. → as
-- processResponse; nil and why where there is no answer
function modbus:executeFunction(code, address, value)
  local pdu = string.char(code) .. word(address)
  if code <= 4 then
    pdu = pdu .. word(value or 1)
  elseif code == 5 then
    pdu = pdu .. word(value and value ~= 0 and 0xFF00 or 0)
  elseif code == 6 then
    pdu = pdu .. word(value)
  elseif code == 15 then
    local bytes = {}
    for index, on in ipairs(value) do
      local place = math.floor((index - 1) / 8) + 1
      bytes[place] = bit.bor(bytes[place] or 0, (on and on ~= 0) and bit.lshift(1, (index - 1) % 8) or 0)
    end
    pdu = pdu .. word(#value) .. string.char(#bytes) .. string.char(unpack(bytes))
  elseif code == 16 then
    local words = {}
    for index, each in ipairs(value) do words[index] = word(each) end
    pdu = pdu .. word(#value) .. string.char(#value * 2) .. table.concat(words)
  else
    return nil, "function " .. tostring(code) .. " is not known here"
  end
  local ok, why = self:transmitFrame(pdu)
  if not ok then return nil, why end
  local answer
  answer, why = self:rcvFrame()
  if not answer then return nil, why end
  return modbus.processResponse(answer, code <= 2 and value or nil)
end

return modbus
