-- The property's own table holds the value.
module("handlers.inmemory", thingworx.handler.extend)

function read(me, pt) return 200 end

function write(me, pt, headers, query, data)
  pt.value = data
  pt.time = native.now()
  pt.quality = "GOOD"
  return 200
end
