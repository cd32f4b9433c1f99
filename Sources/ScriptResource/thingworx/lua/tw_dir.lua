-- Files and directories. What is done returns 0 or the system's code; info records are { size, lastModified (ms since 1970), readOnly,
-- isFile, isDir, md5 }.
local tw_dir = {}

-- → the working directory
function tw_dir.pwd() return native.file("cwd") end

local function record(path)
  local info, why = native.file("stat", path)
  if not info then return nil, why end
  return { size = info.size, lastModified = info.modified, readOnly = info.readOnly, isFile = info.type == "file",
    isDir = info.type == "directory" }
end

local function listing(directory, kind, level)
  directory = directory or "."
  local names, why = native.file("list", tostring(directory))
  if not names then error(tostring(directory) .. ": " .. tostring(why), level) end
  local found = {}
  for _, name in ipairs(names) do
    local info = record(directory .. "/" .. name)
    if info and info[kind] then found[name] = info end
  end
  return found
end

-- The files of a directory. → table of name and info record; raises an error where there is no such directory
function tw_dir.listFiles(directory) return listing(directory, "isFile", 3) end

-- The directories of a directory. → table of name and info record; raises an error where there is no such directory
function tw_dir.listSubdirs(directory) return listing(directory, "isDir", 3) end

-- What is known of a file, with its MD5 where `hash` is true. → info record, or nil where there is none
function tw_dir.getFileInfo(file, hash)
  if file == nil then return nil end
  local info = record(tostring(file))
  if info and hash and info.isFile then info.md5 = tw_dir.calculateMD5(file) end
  return info
end

local function differs(now, before)
  return now.size ~= before.size or now.lastModified ~= before.lastModified or now.isDir ~= before.isDir or (before.md5 ~= nil
    and now.md5 ~= before.md5)
end

-- Whether a file differs from a record of it. → info record now, 0; with 1 where it differs, or there was none; nil, -1 where
-- it is gone
function tw_dir.fileChanged(file, info)
  local now = tw_dir.getFileInfo(file, type(info) == "table" and info.md5 ~= nil)
  if not now then return nil, -1 end
  return now, (type(info) ~= "table" or differs(now, info)) and 1 or 0
end

local function changed(now, before, reportDeleted)
  before = type(before) == "table" and before or {}
  local isChanged = false
  for name, info in pairs(now) do isChanged = isChanged or before[name] == nil or differs(info, before[name]) end
  if reportDeleted then
    for name in pairs(before) do isChanged = isChanged or now[name] == nil end
  end
  return isChanged, now
end

-- Whether files of a directory are new or changed since the table that the call before returned, or gone, where reportDeleted
-- is true. → boolean, the table now
function tw_dir.directoryFilesChanged(directory, info, reportDeleted)
  return changed(listing(directory, "isFile", 3), info, reportDeleted)
end

-- The same for its directories. → boolean, the table now
function tw_dir.directorySubdirsChanged(directory, info, reportDeleted)
  return changed(listing(directory, "isDir", 3), info, reportDeleted)
end

-- → 32 hexadecimal digits, or nil
function tw_dir.calculateMD5(file)
  if file == nil then return nil end
  return (native.file("md5", tostring(file)))
end

local function trailed(path, trailer) return trailer and string.sub(path, -1) ~= "/" and path .. "/" or path end

-- Backslashes as slashes; with a slash at the end where `trailer` is true. → text
function tw_dir.unixPath(path, trailer) return trailed((string.gsub(tostring(path or ""), "\\", "/")), trailer) end

-- The same, and no slash twice. → text
function tw_dir.fixPath(path, trailer) return trailed((string.gsub(tw_dir.unixPath(path), "/+", "/")), trailer) end

-- 0, or the system's code; nil where an argument is missing.
local function done(operation, first, second)
  if first == nil or second == nil then return nil end
  local ok, _, code = native.file(operation, tostring(first), tostring(second))
  return ok and 0 or code
end

-- What a file is to be called in a directory, where it is one.
local function within(source, destination)
  if source == nil or destination == nil or not tw_dir.isDir(destination) then return destination end
  return trailed(tostring(destination), true) .. (string.match(tostring(source), "([^/]+)/*$") or "")
end

-- Also to another file system; into `destination` where it is a directory. → 0, or the system's code; nil without arguments
function tw_dir.move(source, destination) return done("move", source, within(source, destination)) end

-- A directory with all that is in it; into `destination` where it is a directory. → 0, or the system's code; nil without
-- arguments
function tw_dir.copy(source, destination) return done("copy", source, within(source, destination)) end

-- Makes a directory with those on the way to it. → 0, or the system's code; nil without an argument
function tw_dir.mkdir(path) return done("mkdir", path, "") end

-- A directory goes with all that is in it, a link goes itself; what is not there is gone already. → 0, or the system's code;
-- nil without an argument
function tw_dir.remove(path)
  if path ~= nil and not native.file("exists", tostring(path)) then return 0 end
  return done("remove", path, "")
end

-- Sets the mode, as chmod(1) takes it: octal digits, or letters such as "u+x". → 0, or the system's code; nil without
-- arguments
function tw_dir.chmod(file, perm)
  if file == nil or perm == nil then return nil end
  return done("chmod", file, perm)
end

-- Of a file. → bytes, or nil
function tw_dir.size(file)
  local info = tw_dir.getFileInfo(file)
  return info and info.size
end

-- → boolean
function tw_dir.exists(path) return tw_dir.getFileInfo(path) ~= nil end

-- → boolean
function tw_dir.isDir(path)
  local info = tw_dir.getFileInfo(path)
  return info ~= nil and info.isDir
end

-- → boolean
function tw_dir.isFile(path)
  local info = tw_dir.getFileInfo(path)
  return info ~= nil and info.isFile
end

-- Waits until a file is there, at most so many ms; looks every 100 ms. → boolean
function tw_dir.waitForFile(file, timeout)
  local last = native.now() + (tonumber(timeout) or 0)
  while not tw_dir.isFile(file) do
    if native.now() >= last or not p_data.run then return false end
    tw_utils.psleep(math.max(1, math.min(100, last - native.now())))
  end
  return true
end

-- Waits until a file has not changed between two looks, `wait` ms (25) apart. → info record, or nil where it is not there
function tw_dir.dwell(name, wait, info)
  local before = type(info) == "table" and info or tw_dir.getFileInfo(name)
  while before do
    tw_utils.psleep(tonumber(wait) or 25)
    local now = tw_dir.getFileInfo(name)
    if now and not differs(now, { size = before.size, lastModified = before.lastModified, isDir = now.isDir }) then return now end
    if not p_data.run then return nil end
    before = now
  end
  return nil
end

local function below(root, path) return trailed(tostring(root or "/"), true) .. tostring(path) end

-- The archive lies below rootdir too, unless its path begins with a slash.
local function compress(names, rootdir, zipfile)
  if #names == 0 or names[1] == nil then return "" end
  zipfile = tostring(zipfile or string.gsub(names[1], "/+$", "") .. ".zip")
  local path = string.sub(zipfile, 1, 1) == "/" and zipfile or below(rootdir, zipfile)
  return native.file("zip", path, tostring(rootdir or "/"), names) and zipfile or ""
end

-- Puts files, the keys of a table as listFiles returns it, into a ZIP archive; names and archive are relative to rootdir (/).
-- The archive is called after the first file, with .zip, unless given. → its name, or "" where it was not made
function tw_dir.compressFiles(files, rootdir, zipfile)
  local names = {}
  for name, value in orderedPairs(type(files) == "table" and files or {}) do
    names[#names + 1] = type(name) == "string" and name or tostring(value)
  end
  return compress(names, rootdir, zipfile)
end

-- Puts a directory with all that is in it into a ZIP archive; links are left out. → as compressFiles
function tw_dir.compressDir(directory, rootdir, zipfile)
  return directory == nil and "" or compress({ tostring(directory) }, rootdir, zipfile)
end

-- Puts one file into a ZIP archive. → as compressFiles
function tw_dir.compressFile(file, rootdir, zipfile) return file == nil and "" or compress({ tostring(file) }, rootdir, zipfile) end

-- Takes a ZIP archive apart, into a directory that is made if need be. Nothing is written outside of it: an archive with a
-- name that leads out of it, or a link, is refused as a whole. → true; nil and why
function tw_dir.decompress(file, directory)
  if file == nil or directory == nil then return nil, "expected an archive and a directory" end
  local ok, why = native.file("unzip", tostring(file), tostring(directory))
  if ok then return true end
  return nil, why
end

return tw_dir
