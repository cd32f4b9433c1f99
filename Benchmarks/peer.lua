-- Handlers of a property and a service as a server of their own, on plain LuaJIT with LuaSocket: what somebody would write who does
-- without a script resource. Usage: luajit peer.lua select|single
local socket = require("socket")
local value = 21.5

local function infotable(name, text)
  return '{"dataShape":{"fieldDefinitions":{"' .. name .. '":{"name":"' .. name .. '","description":"","baseType":"NUMBER","ordinal":0,"aspects":{}}}},"rows":[{"' .. name .. '":' .. text .. "}]}"
end

local function handle(method, body)
  if method == "GET" then return infotable("temperature", tostring(value)) end
  local a, b = string.match(body, '"a":(%-?[%d.]+)'), string.match(body, '"b":(%-?[%d.]+)')
  return infotable("result", tostring(tonumber(a) + tonumber(b)))
end

-- One request and its answer; false when the connection is to be closed.
local function serve(client, more)
  local line = client:receive("*l")
  if not line then return false end
  local method = string.match(line, "^(%S+)")
  local length = 0
  while true do
    local header = client:receive("*l")
    if not header then return false end
    if header == "" then break end
    local name, text = string.match(header, "^([^:]+):%s*(.*)$")
    if name and string.lower(name) == "content-length" then length = tonumber(text) end
  end
  local content = handle(method, length > 0 and client:receive(length) or "")
  client:send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" .. more .. "Content-Length: " .. #content .. "\r\n\r\n" .. content)
  return true
end

local listener = assert(socket.bind("127.0.0.1", 0, 512))
io.stdout:setvbuf("line")
print("listening on http://127.0.0.1:" .. select(2, listener:getsockname()))

if arg[1] == "single" then
  while true do
    local client = listener:accept()
    client:settimeout(10)
    serve(client, "Connection: close\r\n")
    client:close()
  end
end

local sockets = { listener }
while true do
  for _, ready in ipairs((socket.select(sockets, nil))) do
    if ready == listener then
      local client = listener:accept()
      client:settimeout(10)
      client:setoption("tcp-nodelay", true)
      sockets[#sockets + 1] = client
    elseif not serve(ready, "") then
      ready:close()
      for i = #sockets, 2, -1 do if sockets[i] == ready then table.remove(sockets, i) end end
    end
  end
end
