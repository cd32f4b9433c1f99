-- A script that gives and takes a value, and posts JSON to itself.
require "utils"

local value = 12.5

function sampleValue(method, path, headers, query, data)
  if method == "PUT" then
    value = json.decode(data.content).value
    return 200
  end
  return 200, tw_utils.RESP_HEADERS(), json.encode{ value=value, quality="GOOD" }
end

function receive(method, path, headers, query, data)
  local ok, got = pcall(json.decode, data.content)
  if not ok then return 400, "no JSON: " .. tostring(data.content) end
  return 200, "got " .. got.name .. " " .. table.getn(got.list)
end

tw_http.registerCallback("/value", "sampleValue")
tw_http.registerCallback("/receive", "receive")

local posted = false
while p_data.run do
  if not posted and p_data.script_resource_port then
    local response, code = tw_http.post(p_data.script_resource_host, p_data.script_resource_port, "/scripts/" .. p_data.name .. "/receive",
      json.encode{ name="itself", list={ 1, 2, 3 } }, { ["Content-Type"]="application/json" })
    log.info("sample", "posted: %d %s", code, response)
    posted = code == 200
  end
  tw_utils.psleep(100)
end
