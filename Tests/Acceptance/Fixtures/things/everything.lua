-- An example with every handler and every generator.
require "thingworx.shapes.filetransfer"

module ("templates.everything", thingworx.template.extend)

properties.InMemory_String = { baseType="STRING", pushType="ALWAYS", value="Sample string value" }
properties.InMemory_Number = { baseType="NUMBER", pushType="ALWAYS", value=50 }
properties.InMemory_Boolean = { baseType="BOOLEAN", pushType="ALWAYS", value=true }
properties.InMemory_Location = { baseType="LOCATION", pushType="ALWAYS", value={ latitude=40.03, longitude=-75.62, elevation=103 } }
properties.Pushed_InMemory = { baseType="INTEGER", pushType="VALUE", pushThreshold=20, value=0 }
properties.Script_Value = { baseType="NUMBER", pushType="NEVER", handler="script", key="sample/value" }
properties.Script_Named = { baseType="NUMBER", pushType="NEVER", handler="sample", key="value" }
properties.Custom = { baseType="NUMBER", pushType="NEVER", handler="custom", factor=2 }
for _, kind in ipairs{ "ramp", "random", "sin", "cos", "square" } do
  properties["Number_" .. kind] = { baseType="NUMBER", pushType="NEVER", handler="generator", functionType=kind, minValue=0, maxValue=10 }
end
properties.When = { baseType="DATETIME", pushType="NEVER", handler="generator", functionType="ramp" }
properties.Noise = { baseType="STRING", pushType="NEVER", handler="generator", functionType="random" }
properties.Wander = { baseType="LOCATION", pushType="NEVER", handler="generator", functionType="random" }
properties.Written = { baseType="NUMBER", pushType="NEVER", handler="generator", functionType="user", value=3 }

serviceDefinitions.AddNumbers(
  input { name="p1", baseType="NUMBER", description="The first addend" },
  input { name="p2", baseType="NUMBER", description="The second addend" },
  output { baseType="NUMBER", description="The sum" },
  description { "Adds two numbers" }
)
services.AddNumbers = function(me, headers, query, data)
  if not data.p1 or not data.p2 then return 400, "You must provide p1 and p2" end
  return 200, sum(data.p1, data.p2)
end

function sum(...)
  local total = 0
  for i = 1, table.getn(arg) do total = total + arg[i] end
  return total
end

function remainder(a, b) return math.mod(a, b) end

me:addLifecycleListener("start", "everything", function() log.info("everything", "started") end)
