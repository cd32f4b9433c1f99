-- Simulated values: functionType ramp, random, sin, cos, square or user, between minValue (0) and maxValue (100), by step (1);
-- qualityPercent of the readings are GOOD, the others have errorQualityStatus (lua-library.md, section 7.3).
module("handlers.generator", thingworx.handler.extend)

local function number(value, otherwise) return tonumber(value) or otherwise end
local function bounds(pt) return number(pt.minValue, 0), number(pt.maxValue, 100) end

-- The next value of a ramp: the first is a step above the least.
local function ramp(pt, low, high)
  local now = number(pt.rampValue, low)
  pt.rampValue = now < high and now + number(pt.step, 1) or low
  return pt.rampValue
end

local numeric = {
  ramp = function(pt) return ramp(pt, bounds(pt)) end,
  random = function(pt)
    local low, high = bounds(pt)
    return math.random(math.min(low, high), math.max(low, high))
  end,
  sin = function(pt) return math.sin(math.rad(ramp(pt, bounds(pt)))) end,
  cos = function(pt) return math.cos(math.rad(ramp(pt, bounds(pt)))) end,
  square = function(pt)
    local low, high = bounds(pt)
    pt.isHigh = not pt.isHigh
    return pt.isHigh and high or low
  end,
}

-- yyyy-mm-dd hh:mm:ss of local time as ms since 1970.
local function time(text, otherwise)
  local year, month, day, hour, minute, second = string.match(tostring(text or ""), "^(%d+)-(%d+)-(%d+) (%d+):(%d+):(%d+)")
  if not year then return otherwise end
  return os.time { year = tonumber(year), month = tonumber(month), day = tonumber(day), hour = tonumber(hour), min = tonumber(minute),
    sec = tonumber(second) } * 1000
end

local function times(pt)
  local now = native.now()
  return time(pt.minValue, now - 86400000), time(pt.maxValue, now)
end

local dates = {
  ramp = function(pt)
    local low, high = times(pt)
    local now = number(pt.rampValue, low)
    pt.rampValue = now < high and now + number(pt.step, 1) * 1000 or low
    return pt.rampValue
  end,
  random = function(pt)
    local low, high = times(pt)
    return low + math.floor(math.random() * math.max(high - low, 0))
  end,
}

local longestText = 1000000

local strings = {
  random = function(pt)
    local characters = {}
    for index = 1, math.min(number(pt.step, math.random(100)), longestText) do characters[index] = string.char(math.random(32, 126)) end
    return table.concat(characters)
  end,
}

local locations = {
  ramp = function(pt)
    local place = type(pt.value) == "table" and pt.value or {}
    local elevation = number(place.elevation, 0)
    local high = number(pt.maxValue, 8440)
    return { latitude = number(place.latitude, 0), longitude = number(place.longitude, 0),
      elevation = elevation < high and elevation + 1 or number(pt.minValue, 0) }
  end,
  random = function() return { latitude = math.random(-90, 90), longitude = math.random(-180, 180), elevation = math.random(0, 8840) } end,
}

local byType = { NUMBER = numeric, INTEGER = numeric, LONG = numeric, DATETIME = dates, STRING = strings, TEXT = strings,
  LOCATION = locations }

function read(me, pt)
  local kind = string.lower(tostring(pt.functionType or "user"))
  if kind == "user" then
    if pt.written ~= nil then pt.value, pt.written = pt.written, nil end
  else
    local f = byType[pt.baseType] and byType[pt.baseType][kind]
    if not f then return 500, "the generator has no " .. kind .. " for " .. tostring(pt.baseType) end
    pt.value = f(pt)
    if pt.baseType == "INTEGER" and type(pt.value) == "number" and pt.value % 1 ~= 0 then pt.value = math.floor(pt.value + 0.5) end
  end
  pt.time, pt.quality = native.now(), "GOOD"
  local percent = tonumber(pt.qualityPercent)
  if percent and math.random() * 100 >= percent then pt.quality = pt.errorQualityStatus or "BAD" end
  return 200
end

function write(me, pt, headers, query, data)
  if string.lower(tostring(pt.functionType or "user")) == "user" then pt.written = data.value end
  return 200
end
