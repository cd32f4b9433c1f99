-- A callback of another script gives and takes the value. The property's key is <script>/<path>?<query>, or <path>?<query> where the
-- handler is named after the script.
module("handlers.script", thingworx.handler.extend)

local function call(pt, method, script, data)
  local path, query = tw_utils.parseQueryParams(tostring(pt.key or pt.name))
  if not script then script, path = string.match(path, "^/*([^/]*)/*(.*)$") end
  return tw_script.executeCallback(script, method, path, {}, query, data)
end

function read(me, pt, headers, query, script)
  local code, content = call(pt, pt.getMethod or "GET", script)
  if code ~= 200 then
    pt.quality = "UNKNOWN"
    return code, content
  end
  return thingworx.handler.take(pt, content)
end

function write(me, pt, headers, query, data, script)
  local code, content = call(pt, pt.setMethod or "PUT", script, { content = json.encode(data) })
  if code == 200 then return 200 end
  return code, content
end
