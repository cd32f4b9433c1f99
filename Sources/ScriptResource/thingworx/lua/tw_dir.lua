-- Files and directories. Functions that do something return true, or nil and why not.
local tw_dir = {}

-- → the working directory
function tw_dir.pwd() return native.file("cwd") end

local function listing(directory, kind)
  local names, why = native.file("list", directory or ".")
  if not names then return nil, why end
  local found = {}
  for _, name in ipairs(names) do
    local info = native.file("stat", directory .. "/" .. name)
    if info and info.type == kind then found[#found + 1] = name end
  end
  return found
end

-- Names of the files in a directory, sorted. → list, or nil and why
function tw_dir.listFiles(directory) return listing(directory or ".", "file") end

-- Names of the directories in a directory, sorted. → list, or nil and why
function tw_dir.listSubdirs(directory) return listing(directory or ".", "directory") end

-- What is known of a file. → { name, path, size, lastModified (ms since 1970), isDir, mode, hash (MD5, where asked for)
-- }, or nil and why
function tw_dir.getFileInfo(file, hash)
  local info, why = native.file("stat", file)
  if not info then return nil, why end
  return {
    name = string.match(file, "([^/]+)/*$"), path = file, size = info.size, lastModified = info.modified, isDir = info.type == "directory",
    mode = info.mode, hash = hash and info.type == "file" and tw_dir.calculateMD5(file) or nil,
  }
end

-- Whether a file differs from what getFileInfo said of it. → boolean
function tw_dir.fileChanged(file, before)
  local now = tw_dir.getFileInfo(file, before ~= nil and before.hash ~= nil)
  if not now or not before then return (now ~= nil) ~= (before ~= nil) end
  return now.size ~= before.size or now.lastModified ~= before.lastModified or (before.hash ~= nil and now.hash ~= before.hash)
end

local function changed(directory, before, list)
  local now = {}
  for _, name in ipairs(list(directory) or {}) do now[name] = native.file("stat", directory .. "/" .. name).modified end
  local differs = before == nil
  for name, time in pairs(now) do differs = differs or before[name] ~= time end
  for name in pairs(before or {}) do differs = differs or now[name] == nil end
  return differs, now
end

-- Whether files of a directory came, went or changed since the state that the call before returned. → boolean, the
-- state now
function tw_dir.directoryFilesChanged(directory, before) return changed(directory, before, tw_dir.listFiles) end

-- The same for its directories. → boolean, the state now
function tw_dir.directorySubdirsChanged(directory, before) return changed(directory, before, tw_dir.listSubdirs) end

-- → 32 hexadecimal digits, or nil and why
function tw_dir.calculateMD5(file) return native.file("md5", file) end

-- Backslashes as slashes. → text
function tw_dir.unixPath(path) return (string.gsub(path, "\\", "/")) end

-- The same, and no slash twice. → text
function tw_dir.fixPath(path) return (string.gsub(tw_dir.unixPath(path), "/+", "/")) end

-- Also to another file system. → true, or nil and why
function tw_dir.move(from, to) return native.file("move", from, to) end

-- A directory with all that is in it. → true, or nil and why
function tw_dir.copy(from, to) return native.file("copy", from, to) end

-- Of a file, or of all files below a directory. → bytes, or nil and why
function tw_dir.size(path)
  local info, why = native.file("stat", path)
  if not info then return nil, why end
  if info.type ~= "directory" then return info.size end
  local total = 0
  for _, name in ipairs(native.file("list", path) or {}) do total = total + (tw_dir.size(path .. "/" .. name) or 0) end
  return total
end

-- Makes a directory with those on the way to it. → true, or nil and why
function tw_dir.mkdir(path) return native.file("mkdir", path) end

-- A directory goes with all that is in it; a link goes itself. → true, or nil and why
function tw_dir.remove(path) return native.file("remove", path) end

-- Sets the mode, in octal digits such as "644". → true, or nil and why
function tw_dir.chmod(path, mode) return native.file("chmod", path, tonumber(tostring(mode), 8)) end

-- → boolean
function tw_dir.exists(path) return native.file("stat", path) ~= nil end

local function is(path, kind)
  local info = native.file("stat", path)
  return info ~= nil and info.type == kind
end

-- → boolean
function tw_dir.isDir(path) return is(path, "directory") end

-- → boolean
function tw_dir.isFile(path) return is(path, "file") end

-- Waits until a file is there. → true, or false when it did not come in time
function tw_dir.waitForFile(file, milliseconds)
  local last = native.now() + (milliseconds or 0)
  while not tw_dir.isFile(file) do
    if native.now() >= last then return false end
    tw_utils.psleep(math.min(100, last - native.now()))
  end
  return true
end

-- Waits until a file has not grown for `wait` ms (1000). → its info, or nil and why
function tw_dir.dwell(name, wait, info)
  local before = info or tw_dir.getFileInfo(name)
  while before do
    tw_utils.psleep(wait or 1000)
    local now = tw_dir.getFileInfo(name)
    if now and now.size == before.size and now.lastModified == before.lastModified then return now end
    before = now
  end
  return nil, name .. " is gone"
end

local function quoted(text) return "'" .. string.gsub(text, "'", "'\\''") .. "'" end

local function run(command)
  local result = os.execute(command .. " 2>/dev/null")
  if result == 0 or result == true then return true end
  return nil, "failed: " .. command
end

-- Puts files of a directory into an archive (tar, gzip). → true, or nil and why
function tw_dir.compressFiles(archive, directory, files)
  local names = {}
  for _, file in ipairs(files) do names[#names + 1] = quoted(file) end
  return run("tar -czf " .. quoted(archive) .. " -C " .. quoted(directory) .. " -- " .. table.concat(names, " "))
end

-- Puts all of a directory into an archive. → true, or nil and why
function tw_dir.compressDir(archive, directory) return tw_dir.compressFiles(archive, directory, { "." }) end

-- Compresses one file (gzip), to <file>.gz unless given. → true, or nil and why
function tw_dir.compressFile(file, archive) return run("gzip -c -- " .. quoted(file) .. " > " .. quoted(archive or file .. ".gz")) end

-- Takes an archive apart, in the working directory unless given. → true, or nil and why
function tw_dir.decompress(archive, directory) return run("tar -xzf " .. quoted(archive) .. " -C " .. quoted(directory or ".")) end

return tw_dir
