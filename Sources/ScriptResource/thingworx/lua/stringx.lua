-- Splitting strings.
local stringx = {}

-- Splits at any of the characters of a delimiter, at white space without one; empty pieces are dropped. → list, count; nil
-- for what is no text
function stringx.stringToTable(text, delimiter)
  if type(text) == "number" then text = tostring(text) end
  if type(text) ~= "string" then return nil end
  local set = "%s"
  if delimiter ~= nil and tostring(delimiter) ~= "" then
    -- Each character once, as a set is looked through for each character of the text.
    local characters, seen = {}, {}
    for character in string.gmatch(tostring(delimiter), ".") do
      if not seen[character] then
        characters[#characters + 1] = character == "\0" and "%z" or string.find(character, "%w") and character or "%" .. character
      end
      seen[character] = true
    end
    set = table.concat(characters)
  end
  local parts = {}
  for part in string.gmatch(text, "[^" .. set .. "]+") do parts[#parts + 1] = part end
  return parts, #parts
end

-- The same. → list, count
function stringx.split(text, delimiter) return stringx.stringToTable(text, delimiter) end

-- The same as a method of every string. → list, count
function string:split(delimiter) return stringx.stringToTable(self, delimiter) end

return stringx
