-- A Thing: loads its template, answers its requests, scans its properties, pushes changes, registers with the gateway.
-- p_data holds its settings.
local thing = native.load("thing").new(p_data)

thing:load()
if native.config.check then return end
native.thing = function(...) return thing:request(...) end
thing:run()
