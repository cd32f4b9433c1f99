-- Modbus registers as values: high byte first, and high word first.

local function unsigned(bytes)
  local number = 0
  for index = 1, #bytes do number = number * 256 + string.byte(bytes, index) end
  return number
end

local function signed(bytes)
  local number = unsigned(bytes)
  local most = 2 ^ (8 * #bytes)
  return number >= most / 2 and number - most or number
end

-- IEEE 754 of so many bits of exponent and fraction.
local function float(bytes, exponentBits, fractionBits)
  local number = unsigned(string.sub(bytes, 1, 4))
  local low = #bytes > 4 and unsigned(string.sub(bytes, 5, 8)) or 0
  local sign = number >= 2 ^ 31 and -1 or 1
  number = number % 2 ^ 31
  local highFraction = 31 - exponentBits
  local exponent = math.floor(number / 2 ^ highFraction)
  local fraction = (number % 2 ^ highFraction) * (#bytes > 4 and 2 ^ 32 or 1) + low
  local bias = 2 ^ (exponentBits - 1) - 1
  if exponent == 2 ^ exponentBits - 1 then return fraction == 0 and sign * math.huge or 0 / 0 end
  if exponent == 0 then return sign * math.ldexp(fraction, 1 - bias - fractionBits) end
  return sign * math.ldexp(fraction + 2 ^ fractionBits, exponent - bias - fractionBits)
end

local function scaled(read)
  return function(bytes, format) return read(bytes) * (tonumber(format[2]) or 1) + (tonumber(format[3]) or 0) end
end

local function masked(bytes, format)
  local offset, length = tonumber(format[2]) or 0, tonumber(format[3]) or 1
  return math.floor(unsigned(bytes) / 2 ^ offset) % 2 ^ length
end

-- Registers: month, day, year, hour, minute, ms. → ms since 1970
local function timestamp(bytes)
  local function at(index) return unsigned(string.sub(bytes, 2 * index - 1, 2 * index)) end
  local year = at(3)
  local seconds = os.time { year = year < 1970 and year + 2000 or year, month = at(1), day = at(2), hour = at(4), min = at(5), sec = 0 }
  return seconds and seconds * 1000 + at(6) or 0
end

-- type -> bytes, or a function that says how many; and how they are read.
local types = {
  Int16 = { 2, scaled(signed) }, Uint16 = { 2, scaled(unsigned) }, Int32 = { 4, scaled(signed) }, Uint32 = { 4, scaled(unsigned) },
  Float = { 4, scaled(function(bytes) return float(bytes, 8, 23) end) },
  Double = { 8, scaled(function(bytes) return float(bytes, 11, 52) end) },
  String = {
    function(format, left) return math.min(tonumber(format[2]) or left, left) end,
    function(bytes) return (string.gsub(bytes, "%z.*$", "")) end,
  },
  MaskedBitmap16 = { 2, masked }, MaskedBitmap32 = { 4, masked }, Timestamp = { 12, timestamp },
}

return function(bytes, formats)
  local values, at = {}, 1
  if type(formats) ~= "table" or #formats == 0 then
    for position = 1, #bytes - 1, 2 do values[#values + 1] = unsigned(string.sub(bytes, position, position + 1)) end
    return values
  end
  for _, format in ipairs(formats) do
    local kind = types[type(format) == "table" and format[1] or format]
    if not kind then return values, "the format " .. tostring(type(format) == "table" and format[1] or format) .. " is not known" end
    if type(format) ~= "table" then format = { format } end
    local size = type(kind[1]) == "function" and kind[1](format, #bytes - at + 1) or kind[1]
    if at + size - 1 > #bytes then return values, "the answer holds too few registers for " .. tostring(format[1]) end
    values[#values + 1] = kind[2](string.sub(bytes, at, at + size - 1), format)
    -- A text of odd length ends within a register.
    at = at + size + size % 2
  end
  return values
end
