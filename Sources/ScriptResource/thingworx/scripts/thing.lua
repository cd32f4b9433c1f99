-- A Thing: loads its template, answers its requests, scans its properties, pushes changes, registers with the gateway.
-- p_data holds its settings.
local thing = native.once("thing_load")(p_data)

if native.config.check then return end
native.properties = thing.properties
native.load("core")
native.values = function() return native.once("thing_values").of(thing) end
-- Not thing.me:start(): a template may have a function of that name.
native.load("thing").start(thing.me)
