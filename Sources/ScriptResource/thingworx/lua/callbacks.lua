-- Requests for a script's callbacks (lua-library.md, section 10.1).
local tw_http
local tw_utils = native.load("tw_utils")

-- A body as a callback gets it: the fields of a form, and in any case its text as `content`.
local function formed(headers, body)
  if body == "" then return {} end
  local contentType, data = headers["content-type"], {}
  if type(contentType) == "string" and string.find(string.lower(contentType), "application/x-www-form-urlencoded", 1, true) then
    local _, fields = tw_utils.parseQueryParams("?" .. body)
    for name, value in pairs(fields) do data[tw_utils.uri_decode(name)] = tw_utils.uri_decode(value) end
  end
  if data.content == nil then data.content = body end
  return data
end

-- What a callback may return, as status, headers, body: code; code, text; code, headers, text; and the last two with nil between
-- or behind.
local function answer(code, second, third)
  if code == nil then
    log.error(native.config.name, "a callback returned nothing")
    return 500, {}, "the callback returned nothing"
  end
  local headers, content = {}, third
  if type(second) == "table" then headers = second else
    if type(third) == "table" then headers, content = third, nil end
    if content == nil then content = second end
  end
  if type(content) == "table" then content = json.encode(content) end
  return code, headers, content ~= nil and tostring(content) or ""
end

return function(method, path, headers, query, body, data)
  headers = native.headers(headers)
  tw_http = tw_http or native.load("tw_http")
  local f, why = tw_http.find(path)
  if not f then
    if native.core then return native.core(method, path, headers, query, body, data) end
    return 404, {}, why
  end
  return answer(f(method, path, headers, query, data == nil and formed(headers, body) or data))
end
