-- A callback of another script gives and takes the value: GET and PUT of the property's key, <script>/<path>, or of
-- <path> at the script that the handler is named after.
module("handlers.script", thingworx.handler.extend)

local function segments(path)
  local list = {}
  for segment in string.gmatch(path or "", "[^/]+") do list[#list + 1] = segment end
  return list
end

-- A bare value, or one with time and quality.
local function take(pt, content)
  local value = content
  if type(content) == "string" then
    local ok, decoded = pcall(json.decode, content)
    if ok then value = decoded end
  end
  local time, quality = native.now(), "GOOD"
  if type(value) == "table" and value.value ~= nil then
    time, quality, value = value.time or time, value.quality or quality, value.value
  end
  local converted, why = thingworx.convert.to(pt.baseType, value)
  if converted == nil then
    pt.quality = "BAD"
    return 500, why
  end
  pt.value, pt.time, pt.quality = converted ~= json.null and converted or nil, time, quality
  return 200
end

function of(script)
  local function call(pt, method, headers, query, data)
    local path = segments(pt.key or pt.name)
    local name = script
    if not name then name = table.remove(path, 1) end
    return tw_script.executeCallback(name, method, path, headers or {}, query or {}, data)
  end
  return {
    read = function(me, pt, headers, query)
      local code, _, content = call(pt, "GET", headers, query)
      if code ~= 200 then
        pt.quality = "BAD"
        return code, content
      end
      return take(pt, content)
    end,
    write = function(me, pt, headers, query, data)
      local code, _, content = call(pt, "PUT", headers, query, json.encode({ value = data }))
      if code == 200 then pt.value, pt.time, pt.quality = data, native.now(), "GOOD" end
      return code, content
    end,
  }
end

local plain = of(nil)
read, write = plain.read, plain.write
