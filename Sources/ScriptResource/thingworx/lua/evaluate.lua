-- Evaluates what somebody types, where a Thing's template would see it: me, properties, services and the rest, and in a plain
-- script its globals. An expression's values are shown, and what is printed.
native.load("tablex")

local function readable(value, indent, seen)
  if type(value) ~= "table" then return type(value) == "string" and string.format("%q", value) or tostring(value) end
  indent, seen = indent or "", seen or {}
  if seen[value] then return "{…}" end
  seen[value] = true
  local lines = {}
  for key, each in orderedPairs(value) do
    lines[#lines + 1] = indent .. "  " .. tostring(key) .. " = " .. readable(each, indent .. "  ", seen)
  end
  seen[value] = nil
  return #lines == 0 and "{}" or "{\n" .. table.concat(lines, ",\n") .. "\n" .. indent .. "}"
end

local function shown(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if type(value) == "table" and type(value.toTable) == "function" then value = value:toTable() end
    parts[i] = readable(value)
  end
  return table.concat(parts, "\t")
end

local printed

local function scope()
  local names = native.state and native.state.template or _G
  return setmetatable({
    print = function(...)
      local parts = {}
      for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
      printed[#printed + 1] = table.concat(parts, "\t")
    end,
  }, { __index = names, __newindex = names })
end

local environment

-- "ok", "error", or "incomplete" for a piece of code that has no end yet; and the text to show.
return function(code)
  local chunk = loadstring("return " .. code, "=input")
  local why
  if not chunk then
    chunk, why = loadstring(code, "=input")
    if not chunk then return string.find(why, "<eof>'?$") and "incomplete" or "error", why end
  end
  environment = environment or scope()
  printed = {}
  setfenv(chunk, environment)
  local function finish(ok, ...)
    if ok then
      if select("#", ...) > 0 then printed[#printed + 1] = shown(...) end
    else
      printed[#printed + 1] = tostring((...))
    end
    return ok and "ok" or "error", table.concat(printed, "\n")
  end
  return finish(xpcall(chunk, debug.traceback))
end
