-- Scripts run in LuaJIT, in an environment of their own (Documentation/scripts.md).
std = "luajit"
max_line_length = 140
-- Callbacks have the parameters that their callers pass; a name that is used again in an inner block is no mistake here.
unused_args = false
redefined = false
allow_defined_top = true
-- `native` is made in Swift and filled by the modules; those that make up for Lua 5.1 replace what LuaJIT has.
ignore = { "131" }
globals = {
  "native", "thingworx", "string", "table", "math", "os", "loadstring", "loadfile", "load", "dofile", "newproxy",
  "p_data", "log", "orderedPairs", "tw_utils", "tw_script", "tw_service", "tw_http", "tw_dir", "server", "json", "DataShape", "module",
}
-- Names of the environments that templates and shapes are given.
files["Sources/ScriptResource/thingworx/lua/template.lua"] = { globals = { "base", "shapes" } }
files["Sources/ScriptResource/thingworx/shapes"] = { globals = { "services", "properties" }, read_globals = { "identifier", "name" } }
files["Examples/**/templates"] = {
  globals = { "properties", "services", "tasks", "serviceDefinitions", "propertyDefinitions", "eventDefinitions", "dataShapes", "events" },
  read_globals = { "name", "identifier", "me", "require", "input", "output", "description", "tw_infotable" },
}
files["Examples/**/*.lua"] = { globals = { "scripts", "properties", "services", "serviceDefinitions" }, read_globals = { "input", "output", "description", "tw_infotable" } }
exclude_files = { "Sources/ScriptResource/thingworx/meta" }
