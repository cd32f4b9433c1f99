-- A 3D printer and an energy meter, both simulated: `Examples/things/run` starts them.
scripts.rap_host = "127.0.0.1"
scripts.rap_port = os.getenv("GATEWAY_PORT") or 8000
scripts.rap_ssl = false
scripts.rap_server_authenticate = false
scripts.script_resource_host = "127.0.0.1"
scripts.script_resource_port = os.getenv("SCRIPTS_PORT") or 8002
scripts.script_resource_ssl = false
scripts.script_resource_authenticate = false

scripts.Printer = {
  file = "thing.lua", template = "printer", scanRate = 1000, taskRate = 1000, scanRateResolution = 200,
  command = os.getenv("PRINTER") or "./printer", pollSeconds = 1,
}
scripts.Meter = {
  file = "thing.lua", template = "meter", scanRate = 1000, taskRate = 1000, scanRateResolution = 200,
  meterHost = "127.0.0.1", meterPort = os.getenv("METER_PORT") or 5020, unit = 1,
}
