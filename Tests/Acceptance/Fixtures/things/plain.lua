-- Runs the parts of these files that are language alone: under lua5.1, and in a state of ours. The library is a stand-in.
local directory = ...

local function recorder() return setmetatable({}, { __index = function() return function() end end }) end
tw_http = false
thingworx = { template = { extend = function(module) setmetatable(module, { __index = _G }) end } }
properties, services, tasks, serviceDefinitions, dataShapes, log = {}, {}, {}, recorder(), recorder(), recorder()
for _, name in ipairs { "input", "output", "description" } do _G[name] = function(t) return t end end
me = recorder()
data = {}
for _, name in ipairs { "yourshape", "utils", "thingworx.shapes.filetransfer" } do package.preload[name] = function() return true end end

for _, name in ipairs { "board", "lamp", "hub", "everything", "sensor" } do dofile(directory .. "/" .. name .. ".lua") end

local board, lamp, hub, everything = templates.board, templates.lamp, templates.hub, templates.everything
print(board.reading("temp=38.5'C"), board.reading("temp=385'C"), board.hertz("frequency(45)=600000000"))
board.queryHardware()
print(properties.cpu_temperature.value, properties.cpu_freq.value, properties.cpu_volt.value, properties.cpu_volt.time)
print(lamp.command(true, 7), lamp.command(false), lamp.command(true, nil, "a", nil))
print(hub.temperatures("ok T:201.5 /200.0 B:59.8 /60 @:0"), hub.progress("SD printing byte 50/333"), hub.progress("Not SD printing"), (hub.shellQuoted("it's")))
print(everything.sum(1, 2, 3), everything.sum(), everything.remainder(-7, 3), everything.remainder(7.5, 2))
print(temperature(519888), temperature(0), registers("0x80 0x0a\t0xff"))
print(read("GET", { "registers" }))
