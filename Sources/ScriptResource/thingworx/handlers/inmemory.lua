-- The property's own table holds the value. What is written takes its place at the next read.
module("handlers.inmemory", thingworx.handler.extend)

function read(me, pt)
  native.load("thing_properties").takeNext(pt)
  return 200
end

function write(me, pt, headers, query, data)
  pt.next = { value = data.value, time = native.now(), quality = data.quality or "GOOD" }
  return 200
end
