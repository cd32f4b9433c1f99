-- The property's key is a place, host[:port]/path?query, that answers GET with the value and takes PUT of it as JSON.
module("handlers.http", thingworx.handler.extend)

local function place(pt, tls)
  local host, path = string.match(tostring(pt.key or ""), "^([^/]+)(/?.*)$")
  if not host then return nil, "the property " .. tostring(pt.name) .. " needs a key host[:port]/path" end
  local name, port = string.match(host, "^(.-):(%d+)$")
  return name or host, tonumber(port) or (tls and 443 or 80), path == "" and "/" or path
end

function of(tls)
  local http = tw_http
  local get, put = tls and http.getSsl or http.get, tls and http.putSsl or http.put
  return {
    read = function(me, pt)
      local host, port, path = place(pt, tls)
      if not host then
        pt.quality = "UNKNOWN"
        return 500, port
      end
      local response, code, _, why
      if string.upper(pt.getMethod or "GET") == "PUT" then
        response, code, _, why = put(host, port, path, "", { Accept = "application/json" })
      else
        response, code, _, why = get(host, port, path, { Accept = "application/json" })
      end
      if code ~= 200 then
        pt.quality = "UNKNOWN"
        return code or 503, response or why
      end
      return thingworx.handler.take(pt, response)
    end,
    write = function(me, pt, headers, query, data)
      local host, port, path = place(pt, tls)
      if not host then return 500, port end
      local response, code, _, why = put(host, port, path, json.encode(data), { ["Content-Type"] = "application/json" })
      if code ~= nil and code >= 200 and code <= 299 then return 200 end
      return 500, tostring(response or why)
    end,
  }
end

local plain = of(false)
read, write = plain.read, plain.write
