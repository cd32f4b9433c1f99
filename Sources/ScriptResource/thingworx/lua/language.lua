-- What PUC Lua 5.1 has and LuaJIT has not (lua-library.md, section 2). Sources are adapted before they are compiled.
local config, adapt = native.config, native.adapt
local compile, compileText = load, loadstring

math.mod = math.fmod
string.gfind = string.gmatch

function table.setn() error("'setn' is obsolete", 2) end

-- The table `arg` of a function with `...` that does not use it: adapted sources call this, as a method of any text, so that no
-- environment can hide it.
function string.__arg(_, ...) return { n = select("#", ...), ... } end

-- Compiled code begins with this byte, and is nothing to adapt.
local function adapted(text) return string.byte(text) == 27 and text or adapt(text) end

function loadstring(text, name)
  if type(text) ~= "string" then return compileText(text, name) end
  return compileText(adapted(text), name or text)
end

-- Of a function that returns the pieces, as in 5.1; a text is taken too.
function load(source, name, ...)
  if type(source) == "string" then return compile(adapted(source), name or source, ...) end
  if type(source) ~= "function" then return compile(source, name, ...) end
  local pieces = {}
  local ok, why = pcall(function()
    for piece in source do
      if piece == "" then break end
      if type(piece) ~= "string" then error("reader function must return a string", 0) end
      pieces[#pieces + 1] = piece
    end
  end)
  if not ok then return nil, why end
  return compile(adapted(table.concat(pieces)), name or "=(load)", ...)
end

function loadfile(path)
  local file = io.stdin
  if path then
    local why
    file, why = io.open(path, "rb")
    if not file then return nil, "cannot open " .. tostring(why) end
  end
  local text = file:read("*a")
  if path then file:close() end
  if not text then return nil, "cannot read " .. tostring(path) end
  -- A first line that is meant for the shell.
  if string.sub(text, 1, 1) == "#" then text = string.gsub(text, "^[^\n]*", "", 1) end
  return compileText(adapted(text), path and "@" .. path or "=stdin")
end

function dofile(path)
  local chunk, why = loadfile(path)
  if not chunk then error(why, 0) end
  return chunk()
end

-- In place of Lua's own search along package.path.
package.loaders[2] = function(name)
  local path, why = package.searchpath(name, package.path)
  if not path then return why end
  if config.watch or config.check then native.loaded(path) end
  local chunk
  chunk, why = loadfile(path)
  if not chunk then error("error loading module '" .. name .. "' from file '" .. path .. "':\n\t" .. why, 0) end
  return chunk
end
