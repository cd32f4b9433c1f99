-- A lamp that a shell command switches.
module ("templates.lamp", thingworx.template.extend)

properties.LED = { baseType="BOOLEAN", pushType="VALUE", value=0 }
properties.Switches = { baseType="INTEGER", pushType="VALUE", value=0 }

serviceDefinitions.ToggleLED(
    output { baseType="BOOLEAN", description="" },
    description { "toggles the LED" }
)

function command(on, ...)
    local words = ""
    for i = 1, arg.n do words = words .. " " .. tostring(arg[i]) end
    return "echo gpio write" .. words .. " " .. (on and 1 or 0)
end

services.ToggleLED = function(me, headers, query, data)
    log.info("[lamp]", "LED is %s", properties.LED.value)
    if properties.LED.value == false then
        os.execute(command(true, 7) .. " > /dev/null")
        properties.LED.value = true
    else
        os.execute(command(false, 7) .. " > /dev/null")
        properties.LED.value = false
    end
    properties.Switches.value = properties.Switches.value + 1
    return 200, properties.LED.value
end
