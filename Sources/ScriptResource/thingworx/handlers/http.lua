-- The property's key is a place, host[:port]/path, that answers GET with the value and takes PUT: JSON or text, bare or
-- with time and quality.
module("handlers.http", thingworx.handler.extend)

local function place(pt, tls)
  local host, path = string.match(pt.key or "", "^([^/]+)(/?.*)$")
  if not host then return nil, "the property " .. tostring(pt.name) .. " needs a key host[:port]/path" end
  local name, port = string.match(host, "^(.-):(%d+)$")
  return name or host, tonumber(port) or (tls and 443 or 80), path == "" and "/" or path
end

function of(tls)
  local get, put = tls and tw_http.getSsl or tw_http.get, tls and tw_http.putSsl or tw_http.put
  return {
    read = function(me, pt, headers, query)
      local host, port, path = place(pt, tls)
      if not host then
        pt.quality = "BAD"
        return 500, port
      end
      local response, code, _, why = get(host, port, path, { Accept = "application/json" })
      if code ~= 200 then
        pt.quality = "BAD"
        return code or 503, response or why
      end
      return thingworx.handler.take(pt, response)
    end,
    write = function(me, pt, headers, query, data)
      local host, port, path = place(pt, tls)
      if not host then return 500, port end
      local response, code, _, why = put(host, port, path, json.encode({ value = data }), { ["Content-Type"] = "application/json" })
      if code == nil or code < 200 or code > 299 then return code or 503, response or why end
      pt.value, pt.time, pt.quality = data, native.now(), "GOOD"
      return 200
    end,
  }
end

local plain = of(false)
read, write = plain.read, plain.write
