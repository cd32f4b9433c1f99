-- Simulated values. The property's key says which: sine, ramp, random or toggle, each with parameters after a question
-- mark, as in "sine?min=10&max=30&period=60000". min is 0, max 100 and period 60000 ms unless given.
module("handlers.generator", thingworx.handler.extend)

local modes = {}

function modes.sine(phase, low, high) return low + (high - low) * (math.sin(phase * 2 * math.pi) + 1) / 2 end
function modes.ramp(phase, low, high) return low + (high - low) * phase end
function modes.random(_, low, high) return low + (high - low) * math.random() end
function modes.toggle(phase) return phase >= 0.5 end

local function parse(key)
  local mode, text = string.match(key or "sine", "^([^?]*)%??(.*)$")
  return mode ~= "" and mode or "sine", tw_utils.parseQueryParams(text)
end

function read(me, pt)
  local mode, parameters = parse(pt.key)
  local f = modes[mode]
  if not f then
    pt.quality = "BAD"
    return 500, "the generator knows sine, ramp, random and toggle, not " .. mode
  end
  local low, high = tonumber(parameters.min) or 0, tonumber(parameters.max) or 100
  local period = math.max(tonumber(parameters.period) or 60000, 1)
  local now = native.now()
  local value = f((now % period) / period, low, high)
  if mode == "toggle" and pt.baseType ~= "BOOLEAN" then value = value and high or low end
  if mode ~= "toggle" and pt.baseType == "BOOLEAN" then value = value >= (low + high) / 2 end
  return thingworx.handler.take(pt, value)
end

function write() return 405, "a generated value cannot be set" end
