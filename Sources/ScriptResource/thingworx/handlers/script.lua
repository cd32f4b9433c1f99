-- A callback of another script gives and takes the value: GET and PUT of the property's key, <script>/<path>, or of
-- <path> at the script that the handler is named after.
module("handlers.script", thingworx.handler.extend)

local function segments(path)
  local list = {}
  for segment in string.gmatch(path or "", "[^/]+") do list[#list + 1] = segment end
  return list
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
      return thingworx.handler.take(pt, content)
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
