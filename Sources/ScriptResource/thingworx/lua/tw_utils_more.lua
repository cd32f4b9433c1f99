-- More of tw_utils: puts its functions into that table. epoch is the time from the year 1 to 1970, in ms.
local json = native.load("json")
local bit = require("bit")

local tw_utils, epoch = ...

-- ms since 0001-01-01 as os.time counts. → seconds since 1970
function tw_utils.datetimeToLuaTime(time) return ((tonumber(time) or epoch) - epoch) / 1000 end

-- A time in ms since 0001-01-01 as text, in a format of os.date (%Y-%m-%d %H:%M:%S), in local time or UTC, with
-- milliseconds where wanted. → text
function tw_utils.datetimeToString(time, format, utc, milliseconds)
  time = tonumber(time) or epoch
  local seconds = math.floor((time - epoch) / 1000)
  local text = os.date((utc and "!" or "") .. (format or "%Y-%m-%d %H:%M:%S"), seconds)
  return milliseconds and string.format("%s,%03d", text, time % 1000) or text
end

-- → "linux"
function tw_utils.host_os() return "linux" end

-- → false
function tw_utils.isWindows() return false end

-- → text; for what is no text nil and why
function tw_utils.base64_encode(text)
  if type(text) ~= "string" and type(text) ~= "number" then return nil, "expected a text, found " .. type(text) end
  return native.base64_encode(tostring(text))
end

-- → bytes; for what is no Base64 nil and why
function tw_utils.base64_decode(text)
  local bytes = type(text) == "string" and native.base64_decode(text)
  if bytes then return bytes end
  return nil, "expected Base64"
end

-- Without a key of its own a text is kept from being read at a glance, and no more.
local internalKey = "luaScriptResource"

local function keyed(key)
  if key == nil then return internalKey end
  if type(key) ~= "string" or key == "" then return nil, "expected a text of 16 bytes as key" end
  return key
end

-- Encrypts (AES-256-GCM) under a key that is any text, of 16 bytes mostly; as Base64 where wanted. → bytes, or nil and why
function tw_utils.aes_encrypt(input, base64, key)
  local secret, why = keyed(key)
  if not secret then return nil, why end
  if type(input) ~= "string" then return nil, "expected a text, found " .. type(input) end
  local sealed = native.aes(true, input, secret)
  return base64 and native.base64_encode(sealed) or sealed
end

-- The way back; base64 says whether the input is Base64. → bytes; nil and why where the key is another or the text was
-- changed
function tw_utils.aes_decrypt(input, base64, key)
  local secret, why = keyed(key)
  if not secret then return nil, why end
  if type(input) ~= "string" then return nil, "expected a text, found " .. type(input) end
  local sealed = input
  if base64 then sealed = native.base64_decode(input) end
  local opened = sealed and native.aes(false, sealed, secret)
  if opened then return opened end
  return nil, "the text cannot be decrypted with this key"
end

-- The checksum of Modbus RTU. → number, or nil for what is no text
function tw_utils.calculateCRC16(text)
  if type(text) ~= "string" then return nil end
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
  return (string.gsub(string.gsub(tostring(text), "+", " "), "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- A path apart from the query behind it; names and values are not decoded. → path, table of name and text
function tw_utils.parseQueryParams(text)
  local path, rest = string.match(tostring(text or ""), "^([^?]*)%??(.*)$")
  local query = {}
  for item in string.gmatch(rest, "[^&]+") do
    local name, value = string.match(item, "^([^=]*)=?(.*)$")
    query[name] = value
  end
  return path, query
end

-- → whether a text is JSON
function tw_utils.isJson(text) return type(text) == "string" and (pcall(json.decode, text)) end

local function descending(flat)
  local keys = {}
  for key in pairs(flat) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return a > b end)
  return keys
end

-- key=value pairs, descending by key, keys of tables within joined by points, and the separator (", ") behind each. → text;
-- raises an error for keys that are not of one type
function tw_utils.toString(t, separator)
  if type(t) ~= "table" then return tostring(t) end
  local parts = {}
  local function add(t, prefix)
    for _, key in ipairs(descending(t)) do
      local value = t[key]
      if type(value) == "table" then add(value, prefix .. tostring(key) .. ".") else
        parts[#parts + 1] = prefix .. tostring(key) .. "=" .. tostring(value) .. (separator or ", ")
      end
    end
  end
  add(t, "")
  return table.concat(parts)
end

-- A property's value, time (now if it has none) and quality (UNKNOWN). → table
function tw_utils.toVTQ(pt) return { value = pt.value, time = pt.time or native.now(), quality = pt.quality or "UNKNOWN" } end

-- The same with { baseType, value } as value, as a push wants it. → table
function tw_utils.toVariantVTQ(pt)
  local vtq = tw_utils.toVTQ(pt)
  vtq.value = { baseType = pt.baseType or pt.basetype, value = pt.value }
  return vtq
end

-- A property's value, time and quality as JSON. → text; one that says so where the value has no form in JSON
function tw_utils.toJsonVTQ(pt)
  local ok, text = pcall(function() return json.encode(tw_utils.toVTQ(pt)) end)
  return ok and text or "the property cannot be written as JSON: " .. tostring(text)
end

-- A property as an infotable of one row with two fields, its value and its time, as JSON; an infotable as it is. → text
function tw_utils.toJsonInfotable(pt)
  if type(pt.toTable) == "function" or (pt.rows and pt.dataShape and pt.baseType == nil) then return json.encode(pt) end
  local named = setmetatable({ name = pt.name or "value", baseType = string.upper(tostring(pt.baseType or pt.basetype or "STRING")) },
    { __index = pt })
  local made, why = native.load("thing_properties").infotable(named)
  return made and json.encode(made) or "the property cannot be written as JSON: " .. why
end

-- Whether a property is to be pushed: ALWAYS, or VALUE where it differs from prev.value, of numbers by more than
-- pushThreshold, or forcePush is set. → boolean
function tw_utils.evaluateChange(pt)
  if pt.pushType == "ALWAYS" then return true end
  if pt.pushType == "NEVER" then return false end
  if pt.forcePush then return true end
  local now, before = pt.value, pt.prev and pt.prev.value
  local baseType = string.upper(tostring(pt.baseType or ""))
  if baseType == "NUMBER" or baseType == "INTEGER" or baseType == "LONG" then
    return math.abs((tonumber(now) or 0) - (tonumber(before) or 0)) > (tonumber(pt.pushThreshold) or 0)
  end
  if baseType == "LOCATION" then
    if type(now) ~= "table" or type(before) ~= "table" then return now ~= before end
    return now.latitude ~= before.latitude or now.longitude ~= before.longitude or now.elevation ~= before.elevation
  end
  return now ~= before
end

local function serialize(value, out, seen)
  local kind = type(value)
  if kind == "table" then
    if seen[value] then error("serializeTable: a table that holds itself", 0) end
    seen[value] = true
    out[#out + 1] = "{"
    for k, v in pairs(value) do
      if type(k) ~= "table" and type(k) ~= "function" and type(k) ~= "userdata" and type(v) ~= "function" and type(v) ~= "userdata"
        and type(v) ~= "thread" then
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

-- A table as Lua source, a constructor. → text; raises an error for what is no table, or holds itself.
function tw_utils.serializeTable(value)
  if type(value) ~= "table" then error("serializeTable: expected a table, found " .. type(value), 2) end
  local out = {}
  serialize(value, out, {})
  return table.concat(out)
end

-- The value of such a text; nothing in it is run. → value, or nil and why
function tw_utils.deserializeTable(text)
  if type(text) ~= "string" then return nil, "expected a text, found " .. type(text) end
  local ok, value = pcall(native.load("constructor")((string.gsub(text, "^%s*return%s*", "", 1))))
  if ok then return value end
  return nil, value
end

-- Runs f while no callback comes between. → what f returns; raises its error.
function tw_utils.scopelock(f, ...)
  native.lock()
  local function finish(ok, ...)
    native.unlock()
    if not ok then error((...), 0) end
    return ...
  end
  return finish(pcall(f, ...))
end

-- → bytes that the script's Lua state holds
function tw_utils.memory() return collectgarbage("count") * 1024 end
