-- A single-board computer, whose temperatures and load come from commands.
require "yourshape"

module ("templates.board", thingworx.template.extend)

properties.cpu_temperature = { baseType="NUMBER", pushType="ALWAYS", value=0 }
properties.cpu_freq = { baseType="NUMBER", pushType="ALWAYS", value=0 }
properties.cpu_volt = { baseType="NUMBER", pushType="ALWAYS", value=0 }

serviceDefinitions.GetSystemProperties(
    output { baseType="BOOLEAN", description="" },
    description { "updates properties" }
)

services.GetSystemProperties = function(me, headers, query, data)
    log.trace("[board]","########### in GetSystemProperties #############")
    queryHardware()
    -- if properties are successfully updated, return HTTP 200 code with a true service return value
    return 200, true
end

function reading(s)
    s = string.match(s,"temp=(%d+\.%d+)");
    return s
end

function hertz(s)
    return string.match(s, "frequency%(45%)=(%d+)")
end

function queryHardware()
    -- use the command line to get the cpu temperature and assign it to the property
    local tempCmd = io.popen("echo temp=38.5\\'C")
    local s = tempCmd:read("*a")
    log.debug("[board]",string.format("temp %.1f",reading(s)))
    properties.cpu_temperature.value = reading(s)
    properties.cpu_temperature.time = data.time
    local freqCmd = io.popen("echo 'frequency(45)=600000000'")
    properties.cpu_freq.value = hertz(freqCmd:read("*a"))
    properties.cpu_freq.time = data.time
    local voltCmd = io.popen("echo 'volt=1.2000V'")
    properties.cpu_volt.value = string.match(voltCmd:read("*a"),"volt=(%d+\.%d+)V")
    properties.cpu_volt.time = data.time
end

tasks.refreshProperties = function(me)
    log.trace("[board]","~~~~~~~~~~~~~ In tasks.refreshProperties ~~~~~~~~~~~~~ ")
    queryHardware()
end
