-- The Thing as templates know it: `me`, which is the table p_data. What is no setting of it is a variable or a function of the template;
-- a template's own function of a name below takes its place.
local json = native.load("json")

local Thing = {}

local function state() return native.state end

-- Reads a property through its handler, whatever its push type; headers and query are passed on. → 200, infotable of two
-- fields as JSON text; or the handler's status and text; raises an error for an unknown name.
function Thing:getProperty(name, headers, query)
  local thing = state()
  local pt = thing.properties[name] or error(thing.name .. " has no property " .. tostring(name), 2)
  local code, answer = native.load("thing_properties").read(thing, pt, headers, query)
  return code, type(answer) == "table" and json.encode(answer) or answer
end

-- Writes a property through its handler. The value is data.rows[1].<name>, else data.<name>, else data.value; afterwards
-- both of the latter hold it. → the handler's status and text; 400 where there is no value or it does not fit; raises an
-- error for an unknown name.
function Thing:setProperty(name, headers, query, data)
  local thing = state()
  local pt = thing.properties[name] or error(thing.name .. " has no property " .. tostring(name), 2)
  if type(data) ~= "table" then error("setProperty: expected a table with the value, found " .. type(data), 2) end
  return native.load("thing_properties").write(thing, pt, headers, query, data)
end

-- All properties as they are, without reading them. → 200, JSON text: an object of name and property, with all fields but
-- functions
function Thing:getProperties(headers, query) return 200, json.encode(native.load("thing_properties").all(state())) end

-- Sets several properties. Templates may have their own. → 500, text
function Thing:setProperties(headers, query, data) return 500, "setProperties is not implemented by the template" end

-- → 200, names of the services as a JSON list
function Thing:getServices(headers, query) return 200, json.encode(native.load("thing_services").list(state())) end

-- Registers with the gateway, as the main loop does by itself; with register = false just sets me.registered. → status,
-- response
function Thing:registerEdgeThing() return native.load("thing_registration").register(state()) end

-- Leaves the gateway until the next registration. → status, response
function Thing:deregisterEdgeThing() return native.load("thing_registration").deregister(state()) end

-- Has f() called at the "start" or the "stop" of the Thing; errors in it are logged. A later one of the same label takes
-- the place of the earlier. Raises an error for another event.
function Thing:addLifecycleListener(event, label, f)
  local list = type(event) == "string" and state().listeners[event] or error("addLifecycleListener: expected start or stop, found "
    .. tostring(event), 2)
  for _, each in ipairs(list) do
    if each.label == label then
      each.f = f
      return
    end
  end
  list[#list + 1] = { label = label, f = f }
end

-- The module of a handler; for a name that is none the handler `script`, and the name of the script. → handler, name
function Thing:openHandler(name) return native.load("handler").get(name) end

-- For thing.lua alone: the Thing itself. → me
function Thing:new() return state().me end

-- For thing.lua alone: runs until the script is to end.
function Thing:start() return native.load("thing_loop").run(state()) end

return Thing
