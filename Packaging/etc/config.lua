-- The Lua device host. Templates and scripts lie below custom/ beside this file; see luaScriptResource(8).
scripts.log_level = "INFO"

scripts.rap_host = "127.0.0.1"
scripts.rap_port = 8000
scripts.rap_ssl = false
scripts.rap_server_authenticate = false

scripts.script_resource_host = "127.0.0.1"
scripts.script_resource_port = 8001
scripts.script_resource_ssl = false
scripts.script_resource_authenticate = false

-- scripts.Press12 = {
--   file = "thing.lua",
--   template = "press",
--   scanRate = 1000,
-- }
