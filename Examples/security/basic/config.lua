-- As minimal, and both sides ask for user and password.
scripts.rap_host = "localhost"
scripts.rap_port = 8000
scripts.rap_ssl = true
scripts.rap_validate = false
scripts.rap_deny_selfsigned = false
scripts.rap_server_authenticate = true
scripts.rap_userid = "device-host"
scripts.rap_password = "example-gateway-password"
scripts.script_resource_host = "localhost"
scripts.script_resource_port = 8001
scripts.script_resource_ssl = true
scripts.script_resource_certificate_chain = "etc/device-server.crt"
scripts.script_resource_private_key = "etc/device-server.key"
scripts.script_resource_passphrase = "example-passphrase"
scripts.script_resource_authenticate = true
scripts.script_resource_userid = "gateway"
scripts.script_resource_password = "example-device-password"
scripts.Meter = { file = "thing.lua", template = "meter", scanRate = 1000, keepAliveRate = 2000 }
