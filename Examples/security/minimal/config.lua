-- Encrypted in both directions; neither side checks who the other is.
scripts.rap_host = "localhost"
scripts.rap_port = 8000
scripts.rap_ssl = true
scripts.rap_validate = false
scripts.rap_deny_selfsigned = false
scripts.rap_server_authenticate = false
scripts.script_resource_host = "localhost"
scripts.script_resource_port = 8001
scripts.script_resource_ssl = true
scripts.script_resource_certificate_chain = "etc/device-server.crt"
scripts.script_resource_private_key = "etc/device-server.key"
scripts.script_resource_passphrase = "example-passphrase"
scripts.script_resource_authenticate = false
scripts.Meter = { file = "thing.lua", template = "meter", scanRate = 1000, keepAliveRate = 2000 }
