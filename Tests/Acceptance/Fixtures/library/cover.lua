-- Watches which functions of the library's modules a test calls.
local cover = {}
local left = {}

-- What users' templates may call (lua-library.md, section 6).
local specified = {
  log = "trace debug info warn error audit force",
  json = "encode decode null encodeString isArray isEncodable",
  tw_ems = "get put post delete",
  server = "get put post delete invoke getProperty setProperty setProperties fireEvent invokeLocalEms invokeChannel",
  tw_http = "get post put delete registerCallback",
  tw_utils = "currentTime datetimeToLuaTime datetimeToString psleep host_os isWindows serializeTable deserializeTable base64_encode base64_decode "
    .. "aes_encrypt aes_decrypt calculateCRC16 uri_encode uri_decode EMS_SVC_PATH EMS_EVENT_PATH EMS_PROP_PATH EMS_PROPS_VTQ_PATH REQ_HEADERS "
    .. "RESP_HEADERS toString toboolean toVTQ toVariantVTQ toJsonVTQ toJsonInfotable isJson encodeData parseQueryParams evaluateChange scopelock memory",
  tw_dir = "pwd listFiles listSubdirs getFileInfo fileChanged directoryFilesChanged directorySubdirsChanged compressFiles compressDir compressFile "
    .. "decompress calculateMD5 fixPath unixPath move copy size mkdir remove exists isDir isFile waitForFile dwell chmod",
  tw_script = "addScript removeScript updateScript getScriptList getStatus getResult getFilename getProperties getProperty setProperties "
    .. "executeCallback cleanupFinishedScripts loadScriptFromFile",
  tw_service = "start stop waitForState",
  tw_mutex = "lock unlock",
  tw_datashape = "createDataShape",
  tw_infotable = "createInfoTable",
  tablex = "fullCopy sparseCopy containsKey containsValue toXml toFlatTable toString toHtml toCsv toContentTypeString fromCsv",
  stringx = "stringToTable split",
  propGroups = "getGroup",
  page = "new addHeadContent addContent addTable addList render success error redirect render_table render_list",
  softwarejob = "new next_step",
  modbus = "new transmitFrame rcvFrame executeFunction processResponse close set_read_timeout",
}

-- All functions of a module, those that are specified and others, are to be called from now on.
function cover.watch(name)
  local module = rawget(_G, name) or require(name)
  for each in string.gmatch(specified[name], "%S+") do assert(type(module[each]) == "function", name .. "." .. each .. " is not there") end
  -- By now a module that comes in two parts is whole.
  for key, f in pairs(module) do
    -- json.null is what it is, and nothing in its place.
    if type(f) == "function" and not string.find(key, "^_") and f ~= json.null then
      left[name .. "." .. key] = true
      module[key] = function(...)
        left[name .. "." .. key] = nil
        return f(...)
      end
      -- They are called as functions of `table` as well.
      if name == "tablex" then table[key] = module[key] end
    end
  end
end

function cover.finish()
  local names = {}
  for name in pairs(left) do names[#names + 1] = name end
  table.sort(names)
  assert(#names == 0, "never called: " .. table.concat(names, ", "))
end

return cover
