-- Gives a Thing directories of its own, which the platform's file transfers see (Documentation/files.md). The setting virtual_dirs says
-- which: a table of names and paths, or a list of such tables as in the gateway's config.json. A directory for software updates is one of
-- them by itself. Without directories the gateway's are the Thing's.
module("shapes.filetransfer", thingworx.shape.extend)

local directories = {}

local function add(name, path)
  if type(path) == "table" then
    for inner, place in pairs(path) do add(inner, place) end
  elseif type(name) == "string" and type(path) == "string" then
    directories[name] = path
  else
    log.error(p_data.name, "virtual_dirs: expected names and paths, found %s = %s", tostring(name), tostring(path))
  end
end

if p_data.virtual_dirs ~= nil then add("virtual_dirs", p_data.virtual_dirs) end
if type(p_data.sw_update_dir) == "string" and not directories.sw_update then directories.sw_update = p_data.sw_update_dir end

if next(directories) then
  local why = native.serve_files(directories, type(p_data.staging_dir) == "string" and p_data.staging_dir or "")
  if why then log.error(p_data.name, "no files: %s", why) else native.servesFiles = true end
end
