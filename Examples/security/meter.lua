-- The Thing of the security examples: one property, one service.
module("templates.meter", thingworx.template.extend)

properties.energy = { baseType = "NUMBER", pushType = "VALUE", value = 17.5 }

serviceDefinitions.Read(output { baseType = "NUMBER" }, description { "Returns the energy in kWh." })
services.Read = function(me)
  return 200, properties.energy.value
end
