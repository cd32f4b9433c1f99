-- Reads a table as tw_utils.serializeTable writes it. Loaded when it is asked for.
local escapes = { n = "\n", r = "\r", t = "\t", a = "\a", b = "\b", f = "\f", v = "\v" }

-- Reads a constructor: nothing in it is run, so nothing in it can loop or take more than it has bytes.
return function(text)
  local at = 1
  local value
  local function blanks() at = string.find(text, "[^%s]", at) or #text + 1 end
  local function expect(character)
    blanks()
    if string.sub(text, at, at) ~= character then error("byte " .. at .. ": expected '" .. character .. "'", 0) end
    at = at + 1
  end
  local function quoted(quote)
    local parts = {}
    at = at + 1
    while true do
      local plain = string.match(text, "^[^\\" .. quote .. "]*", at)
      parts[#parts + 1] = plain
      at = at + #plain
      local character = string.sub(text, at, at)
      if character == "" then error("byte " .. at .. ": expected the end of a text", 0) end
      at = at + 1
      if character == quote then return table.concat(parts) end
      local digits = string.match(text, "^%d%d?%d?", at)
      if digits and tonumber(digits) < 256 then
        parts[#parts + 1] = string.char(tonumber(digits))
        at = at + #digits
      else
        local escaped = string.sub(text, at, at)
        parts[#parts + 1] = escapes[escaped] or escaped
        at = at + 1
      end
    end
  end
  local function constructor(depth)
    if depth > 100 then error("byte " .. at .. ": expected less than 100 levels", 0) end
    local made, index = {}, 0
    expect("{")
    while true do
      blanks()
      if string.sub(text, at, at) == "}" then break end
      local name = string.match(text, "^[%a_][%w_]*%s*=", at)
      if string.sub(text, at, at) == "[" then
        at = at + 1
        local key = value(depth)
        expect("]")
        expect("=")
        if key == nil or key ~= key then error("byte " .. at .. ": expected a key", 0) end
        made[key] = value(depth)
      elseif name then
        at = at + #name
        made[string.match(name, "^[%w_]+")] = value(depth)
      else
        index = index + 1
        made[index] = value(depth)
      end
      blanks()
      local separator = string.sub(text, at, at)
      if separator == "," or separator == ";" then at = at + 1 elseif separator ~= "}" then error("byte " .. at
        .. ": expected ',' or '}'", 0) end
    end
    at = at + 1
    return made
  end
  local words = { ["true"] = true, ["false"] = false, inf = math.huge, nan = 0 / 0 }
  function value(depth)
    blanks()
    local character = string.sub(text, at, at)
    if character == "{" then return constructor(depth + 1) end
    if character == '"' or character == "'" then return quoted(character) end
    local word = string.match(text, "^%-?[%w.]+[%+%-]?%d*", at) or ""
    at = at + #word
    if word == "nil" then return nil end
    if words[word] ~= nil then return words[word] end
    if word == "-inf" then return -math.huge end
    if word == "-nan" then return 0 / 0 end
    local number = tonumber(word)
    if number == nil then error("byte " .. at - #word .. ": expected a value", 0) end
    return number
  end
  return function()
    local result = value(0)
    blanks()
    if at <= #text then error("byte " .. at .. ": expected the end", 0) end
    return result
  end
end
