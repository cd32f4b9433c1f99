-- The Lua device host. Templates and scripts lie below custom/ beside this file; see luaScriptResource(8).
scripts.log_level = "INFO"

-- The gateway, by its certificate and as the user that http_server of its config.json names.
scripts.rap_host = "127.0.0.1"
scripts.rap_port = 8000
-- scripts.rap_cert_file = "/etc/edge-lua/gateway.pem"
-- scripts.rap_userid = "edge"
-- scripts.rap_password = "…"

-- What the gateway reaches: with a certificate that the program makes for itself, and credentials.
scripts.script_resource_host = "127.0.0.1"
scripts.script_resource_port = 8001
scripts.script_resource_use_default_certificate = true
-- scripts.script_resource_userid = "edge"
-- scripts.script_resource_password = "…"

-- On a machine where every program may do everything, these make all of it unnecessary:
-- scripts.rap_ssl = false
-- scripts.rap_server_authenticate = false
-- scripts.script_resource_ssl = false
-- scripts.script_resource_authenticate = false

-- scripts.Press12 = {
--   file = "thing.lua",
--   template = "press",
--   scanRate = 1000,
-- }
