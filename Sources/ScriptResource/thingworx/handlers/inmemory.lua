-- The property's own table holds the value. What is written takes its place at the next read.
module("handlers.inmemory", thingworx.handler.extend)

function read(me, pt)
  local next = pt.next
  if next then pt.value, pt.time, pt.quality, pt.next = next.value, next.time, next.quality, nil end
  return 200
end

function write(me, pt, headers, query, data)
  pt.next = { value = data.value, time = native.now(), quality = data.quality or "GOOD" }
  return 200
end
