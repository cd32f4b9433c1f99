-- Splitting strings. The delimiter is plain text.
local stringx = {}

-- Splits at a delimiter (","), which is plain text. → list
function stringx.stringToTable(text, delimiter)
  local parts, from = {}, 1
  delimiter = delimiter or ","
  while true do
    local first, last = string.find(text, delimiter, from, true)
    if not first then
      parts[#parts + 1] = string.sub(text, from)
      return parts
    end
    parts[#parts + 1] = string.sub(text, from, first - 1)
    from = last + 1
  end
end

-- The same as a method of every string. → list
function string:split(delimiter) return stringx.stringToTable(self, delimiter) end

return stringx
