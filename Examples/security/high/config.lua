-- For production: certificates of the own authority alone, and of the device host just the one that is known.
scripts.rap_host = "localhost"
scripts.rap_port = 8000
scripts.rap_ssl = true
scripts.rap_validate = true
scripts.rap_cert_file = "etc/ca.crt"
scripts.rap_deny_selfsigned = true
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
