-- Tests only: everything is readable, anyone on this machine may ask.
scripts.rap_host = "localhost"
scripts.rap_port = 8000
scripts.rap_ssl = false
scripts.rap_server_authenticate = false
scripts.script_resource_host = "localhost"
scripts.script_resource_port = 8001
scripts.script_resource_ssl = false
scripts.script_resource_authenticate = false
scripts.Meter = { file = "thing.lua", template = "meter", scanRate = 1000, keepAliveRate = 2000 }
