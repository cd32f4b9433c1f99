-- More of tw_utils: puts its functions into that table. epoch is the time from the year 1 to 1970, in ms.
local json = native.load("json")
local bit = require("bit")

local tw_utils, epoch = ...

-- ms since 0001-01-01 as os.time counts. → seconds since 1970
function tw_utils.datetimeToLuaTime(time) return (time - epoch) / 1000 end

-- A time in ms since 0001-01-01 as text, in a format of os.date (%Y-%m-%d %H:%M:%S), in local time or UTC, with
-- milliseconds where wanted. → text
function tw_utils.datetimeToString(time, format, utc, milliseconds)
  local seconds = math.floor((time - epoch) / 1000)
  local text = os.date((utc and "!" or "") .. (format or "%Y-%m-%d %H:%M:%S"), seconds)
  return milliseconds and string.format("%s,%03d", text, time % 1000) or text
end

-- → "linux"
function tw_utils.host_os() return "linux" end

-- → false
function tw_utils.isWindows() return false end

-- → text
function tw_utils.base64_encode(text) return native.base64_encode(text) end

-- → bytes, or nil for what is no Base64
function tw_utils.base64_decode(text) return native.base64_decode(text) end

-- Encrypts under a key that is any text (AES-256-GCM under its SHA-256), as Base64 where wanted. → bytes; raises an
-- error without a key.
function tw_utils.aes_encrypt(input, base64, key)
  local sealed = native.aes(true, input, key)
  return base64 and native.base64_encode(sealed) or sealed
end

-- The way back. → bytes, or nil where the key is another or the text was changed
function tw_utils.aes_decrypt(input, base64, key) return native.aes(false, base64 and native.base64_decode(input) or input, key) end

-- The checksum of Modbus RTU. → number
function tw_utils.calculateCRC16(text)
  local crc = 0xFFFF
  for index = 1, #text do
    crc = bit.bxor(crc, string.byte(text, index))
    for _ = 1, 8 do
      local odd = bit.band(crc, 1) == 1
      crc = bit.rshift(crc, 1)
      if odd then crc = bit.bxor(crc, 0xA001) end
    end
  end
  return crc
end

-- The way back; + is a blank. → text
function tw_utils.uri_decode(text)
  return (string.gsub(string.gsub(text, "+", " "), "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- name=value pairs as a table; a leading ? is passed over. → table
function tw_utils.parseQueryParams(text)
  local query = {}
  for item in string.gmatch(string.gsub(text or "", "^%?", ""), "[^&]+") do
    local name, value = string.match(item, "^([^=]*)=?(.*)$")
    query[tw_utils.uri_decode(name)] = tw_utils.uri_decode(value)
  end
  return query
end

-- → whether a text is JSON
function tw_utils.isJson(text) return type(text) == "string" and (pcall(json.decode, text)) end

-- "true" and "1" (any case), numbers but 0, and true. → boolean
function tw_utils.toboolean(value)
  if type(value) == "string" then return string.lower(value) == "true" or value == "1" end
  if type(value) == "number" then return value ~= 0 end
  return value == true
end

-- A value with time (now unless given, ms since 1970) and quality (GOOD). → table
function tw_utils.toVTQ(value, time, quality) return { value = value, time = time or native.now(), quality = quality or "GOOD" } end

-- The same with its base type, as a push wants it. → table
function tw_utils.toVariantVTQ(baseType, value, time, quality)
  return tw_utils.toVTQ({ baseType = baseType, value = value }, time, quality)
end

-- A value with time and quality as JSON. → text
function tw_utils.toJsonVTQ(value, time, quality) return json.encode(tw_utils.toVTQ(value, time, quality)) end

-- An infotable, object or table, as JSON. → text
function tw_utils.toJsonInfotable(table_)
  if type(table_.toTable) == "function" then table_ = table_:toTable() end
  return json.encode(table_)
end

-- Whether a property's value differs from the one pushed last by more than its threshold. → boolean
function tw_utils.evaluateChange(pt) return native.load("thing_push").differs(pt) end

local function serialize(value, out, seen)
  local kind = type(value)
  if kind == "table" then
    if seen[value] then error("serializeTable: a table that holds itself", 0) end
    seen[value] = true
    out[#out + 1] = "{"
    for k, v in pairs(value) do
      if type(v) ~= "function" and type(v) ~= "userdata" and type(v) ~= "thread" then
        out[#out + 1] = "["
        serialize(k, out, seen)
        out[#out + 1] = "]="
        serialize(v, out, seen)
        out[#out + 1] = ","
      end
    end
    out[#out + 1] = "}"
    seen[value] = nil
  elseif kind == "string" then
    out[#out + 1] = string.format("%q", value)
  elseif kind == "number" then
    out[#out + 1] = string.format("%.17g", value)
  else
    out[#out + 1] = tostring(value)
  end
end

-- A value as Lua source. → text; raises an error for a table that holds itself.
function tw_utils.serializeTable(value)
  local out = {}
  serialize(value, out, {})
  return table.concat(out)
end

-- The value of such a text, which can call nothing. → value, or nil and why
function tw_utils.deserializeTable(text)
  local chunk, why = loadstring("return " .. text)
  if not chunk then return nil, why end
  setfenv(chunk, {})
  local ok, value = pcall(chunk)
  if ok then return value end
  return nil, value
end

-- Runs f while no callback comes between. → what f returns; raises its error.
function tw_utils.scopelock(f, ...)
  native.lock()
  local results = { pcall(f, ...) }
  native.unlock()
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2)
end

-- → bytes that the script's Lua state holds
function tw_utils.memory() return collectgarbage("count") * 1024 end
