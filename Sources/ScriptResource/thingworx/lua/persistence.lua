-- Values of p_data that outlive the process: those whose names stand in the list p_data.persist, which the script's entry in
-- config.lua or the script itself sets. Numbers, truth values, strings, and tables of them with names or as lists.
local json = native.load("json")

local shortestPause = 1000
local written = json.encode(native.config.kept)
local next, reported = 0, nil

-- Writes them where they have changed since they were last written, at most once a second unless `now`.
return function(now)
  local time = native.now()
  if time < next and not now then return end
  next = time + shortestPause
  local names, values = rawget(p_data, "persist"), {}
  if type(names) == "string" then names = { names } end
  for _, name in ipairs(type(names) == "table" and names or {}) do values[name] = rawget(p_data, name) end
  local ok, text = pcall(json.encode, values)
  if ok and text == written then return end
  local why = text
  if ok then ok, why = native.persist(values) end
  if ok then
    written, reported = text, nil
  elseif why ~= reported then
    log.error(p_data.name, "p_data is not kept: %s", tostring(why))
    reported = why
  end
end
