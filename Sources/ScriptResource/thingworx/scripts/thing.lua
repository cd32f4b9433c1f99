-- A Thing: loads its template, answers its requests, scans its properties, pushes changes, registers with the gateway.
-- p_data holds its settings.
local me = native.once("thing_load")(p_data)

if native.config.check then return end
native.me, native.properties = me, me.properties
native.thing = function(...) return native.load("thing_requests")(me, ...) end
native.values = function() return native.once("thing_values").of(me) end
me:run()
