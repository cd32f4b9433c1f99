---@meta
-- Annotations for editors, made by `Scripts/lua-api meta` (`make docs`). Not loaded by the program.

-- log.<level>(area, format, ...): printf style. A disabled level is an empty function.
---@class log
log = {}

-- JSON text <-> Lua values. Arrays and objects are told apart by their keys; an empty table is an object unless it was marked with json.array or read from an empty array. JSON's null is json.null.
---@class json
json = {}
--- Marks a table as an array, so that it is written as [] when it is empty.
---@param t? any
---@return any ...
function json.array(t) end
--- Raises an error for what JSON has no form of; functions in a table are left out. Numbers that are none become null.
---@param v? any
---@return any ...
function json.encode(v) end
--- Raises an error that names line and byte where the text is no JSON.
---@param s? any
---@return any ...
function json.decode(s) end
--- A text as a string of JSON, in its quotes.
---@param s? any
---@return any ...
function json.encodeString(s) end
--- Whether the table's keys are just 1..n. Returns n as well.
---@param t? any
---@return any ...
function json.isArray(t) end
--- Whether json.encode takes a value of this kind.
---@param v? any
---@return any ...
function json.isEncodable(v) end

-- Requests to the gateway. Each returns response, code.
---@class tw_ems
tw_ems = {}
---@param path? any
---@param headers? any
---@return any ...
function tw_ems.get(path, headers) end
---@param path? any
---@param data? any
---@param headers? any
---@return any ...
function tw_ems.put(path, data, headers) end
---@param path? any
---@param data? any
---@param headers? any
---@return any ...
function tw_ems.post(path, data, headers) end
---@param path? any
---@param headers? any
---@return any ...
function tw_ems.delete(path, headers) end

-- The platform, by way of the gateway. Functions return code, response.
---@class server
server = {}
---@param path? any
---@param headers? any
---@return any ...
function server.get(path, headers) end
---@param path? any
---@param data? any
---@param headers? any
---@return any ...
function server.put(path, data, headers) end
---@param path? any
---@param data? any
---@param headers? any
---@return any ...
function server.post(path, data, headers) end
---@param path? any
---@param headers? any
---@return any ...
function server.delete(path, headers) end
---@param service? any
---@param data? any
---@param thing? any
---@return any ...
function server.invoke(service, data, thing) end
---@param service? any
---@param data? any
---@return any ...
function server.invokeLocalEms(service, data) end
---@param event? any
---@param data? any
---@param thing? any
---@return any ...
function server.fireEvent(event, data, thing) end
---@param name? any
---@param thing? any
---@return any ...
function server.getProperty(name, thing) end
--- setProperty(name, value, thing), or setProperty(property) with a property's own table.
---@param name? any
---@param data? any
---@param thing? any
---@return any ...
function server.setProperty(name, data, thing) end
--- Pushes a list of properties { name, baseType, value, time, quality } in one message.
---@param list? any
---@param thing? any
---@return any ...
function server.setProperties(list, thing) end

-- HTTP to any host, and the callbacks by which others reach this script.
---@class tw_http
tw_http = {}
--- f(method, path, headers, query, data) -> code, headers, content; called for /scripts/<script>/<path>.
---@param path? any
---@param f? any
---@return any ...
function tw_http.registerCallback(path, f) end
--- The callback for a path: the longest that matches.
---@param path? any
---@return any ...
function tw_http.find(path) end

-- Helpers that scripts use: times, encodings, paths and headers of the gateway's REST interface.
---@class tw_utils
tw_utils = {}
---@return any ...
function tw_utils.currentTime() end
---@param time? any
---@return any ...
function tw_utils.datetimeToLuaTime(time) end
---@param time? any
---@param format? any
---@param utc? any
---@param milliseconds? any
---@return any ...
function tw_utils.datetimeToString(time, format, utc, milliseconds) end
--- Lets callbacks run for so many milliseconds.
---@param milliseconds? any
---@return any ...
function tw_utils.psleep(milliseconds) end
---@return any ...
function tw_utils.host_os() end
---@return any ...
function tw_utils.isWindows() end
---@param text? any
---@return any ...
function tw_utils.base64_encode(text) end
---@param text? any
---@return any ...
function tw_utils.base64_decode(text) end
--- Both ways under a key that is any text; with `base64` the encrypted form is Base64. nil where it does not open.
---@param input? any
---@param base64? any
---@param key? any
---@return any ...
function tw_utils.aes_encrypt(input, base64, key) end
---@param input? any
---@param base64? any
---@param key? any
---@return any ...
function tw_utils.aes_decrypt(input, base64, key) end
--- The checksum of Modbus RTU.
---@param text? any
---@return any ...
function tw_utils.calculateCRC16(text) end
---@param text? any
---@return any ...
function tw_utils.uri_encode(text) end
---@param text? any
---@return any ...
function tw_utils.uri_decode(text) end
---@param text? any
---@return any ...
function tw_utils.parseQueryParams(text) end
---@param name? any
---@param service? any
---@return any ...
function tw_utils.EMS_SVC_PATH(name, service) end
---@param name? any
---@param event? any
---@return any ...
function tw_utils.EMS_EVENT_PATH(name, event) end
---@param name? any
---@param property? any
---@return any ...
function tw_utils.EMS_PROP_PATH(name, property) end
---@param name? any
---@return any ...
function tw_utils.EMS_PROPS_VTQ_PATH(name) end
---@param host? any
---@param contentType? any
---@param more? any
---@return any ...
function tw_utils.REQ_HEADERS(host, contentType, more) end
---@param contentType? any
---@param more? any
---@return any ...
function tw_utils.RESP_HEADERS(contentType, more) end
---@param text? any
---@return any ...
function tw_utils.isJson(text) end
--- true and the text of a request's body, or false and why there is none.
---@param data? any
---@return any ...
function tw_utils.encodeData(data) end
---@param value? any
---@return any ...
function tw_utils.toString(value) end
---@param value? any
---@return any ...
function tw_utils.toboolean(value) end
---@param value? any
---@param time? any
---@param quality? any
---@return any ...
function tw_utils.toVTQ(value, time, quality) end
---@param baseType? any
---@param value? any
---@param time? any
---@param quality? any
---@return any ...
function tw_utils.toVariantVTQ(baseType, value, time, quality) end
---@param value? any
---@param time? any
---@param quality? any
---@return any ...
function tw_utils.toJsonVTQ(value, time, quality) end
---@param table_? any
---@return any ...
function tw_utils.toJsonInfotable(table_) end
--- Whether a property's value differs from the one pushed last by more than its threshold.
---@param pt? any
---@return any ...
function tw_utils.evaluateChange(pt) end
---@param value? any
---@return any ...
function tw_utils.serializeTable(value) end
---@param text? any
---@return any ...
function tw_utils.deserializeTable(text) end
--- Runs f while no callback can come between.
---@param f? any
---@param ... any
---@return any ...
function tw_utils.scopelock(f, ...) end
---@return any ...
function tw_utils.memory() end

-- Files and directories. Functions that do something return true, or nil and why not.
---@class tw_dir
tw_dir = {}
---@return any ...
function tw_dir.pwd() end
---@param directory? any
---@return any ...
function tw_dir.listFiles(directory) end
---@param directory? any
---@return any ...
function tw_dir.listSubdirs(directory) end
--- { name, path, size, lastModified (ms since 1970), isDir, mode }, with hash the file's MD5 as well.
---@param file? any
---@param hash? any
---@return any ...
function tw_dir.getFileInfo(file, hash) end
--- Whether a file differs from what getFileInfo said of it.
---@param file? any
---@param before? any
---@return any ...
function tw_dir.fileChanged(file, before) end
--- Whether files of a directory came, went or changed since the state that the call before returned; and the state now.
---@param directory? any
---@param before? any
---@return any ...
function tw_dir.directoryFilesChanged(directory, before) end
---@param directory? any
---@param before? any
---@return any ...
function tw_dir.directorySubdirsChanged(directory, before) end
---@param file? any
---@return any ...
function tw_dir.calculateMD5(file) end
---@param path? any
---@return any ...
function tw_dir.unixPath(path) end
---@param path? any
---@return any ...
function tw_dir.fixPath(path) end
---@param from? any
---@param to? any
---@return any ...
function tw_dir.move(from, to) end
---@param from? any
---@param to? any
---@return any ...
function tw_dir.copy(from, to) end
---@param path? any
---@return any ...
function tw_dir.size(path) end
--- With the directories on the way.
---@param path? any
---@return any ...
function tw_dir.mkdir(path) end
--- A directory goes with all that is in it.
---@param path? any
---@return any ...
function tw_dir.remove(path) end
---@param path? any
---@param mode? any
---@return any ...
function tw_dir.chmod(path, mode) end
---@param path? any
---@return any ...
function tw_dir.exists(path) end
---@param path? any
---@return any ...
function tw_dir.isDir(path) end
---@param path? any
---@return any ...
function tw_dir.isFile(path) end
--- Waits until a file is there; false when it did not come in time.
---@param file? any
---@param milliseconds? any
---@return any ...
function tw_dir.waitForFile(file, milliseconds) end
--- Waits until a file has not grown for some time; its info then.
---@param name? any
---@param wait? any
---@param info? any
---@return any ...
function tw_dir.dwell(name, wait, info) end
--- Archives are made and read by the system's tar, with gzip.
---@param archive? any
---@param directory? any
---@param files? any
---@return any ...
function tw_dir.compressFiles(archive, directory, files) end
---@param archive? any
---@param directory? any
---@return any ...
function tw_dir.compressDir(archive, directory) end
---@param file? any
---@param archive? any
---@return any ...
function tw_dir.compressFile(file, archive) end
---@param archive? any
---@param directory? any
---@return any ...
function tw_dir.decompress(archive, directory) end

-- Other scripts of this process.
---@class tw_script
tw_script = {}
--- Starts a script from a file, or from a text in its place. maxRunTime in ms ends it after that time; properties are its p_data. Returns true, or nil and why not.
---@param name? any
---@param file? any
---@param content? any
---@param maxRunTime? any
---@param properties? any
---@return any ...
function tw_script.addScript(name, file, content, maxRunTime, properties) end
--- From a file of any directory.
---@param name? any
---@param file? any
---@param timeout? any
---@return any ...
function tw_script.loadScriptFromFile(name, file, timeout) end
--- Ends a script and forgets it.
---@param name? any
---@return any ...
function tw_script.removeScript(name) end
--- Ends it and starts it anew, from another text where one is given.
---@param name? any
---@param content? any
---@param properties? any
---@return any ...
function tw_script.updateScript(name, content, properties) end
--- name -> status
---@return any ...
function tw_script.getScriptList() end
---@param name? any
---@return any ...
function tw_script.getStatus(name) end
--- What a script that has finished returned.
---@param name? any
---@return any ...
function tw_script.getResult(name) end
---@param name? any
---@return any ...
function tw_script.getFilename(name) end
---@param name? any
---@return any ...
function tw_script.getProperties(name) end
---@param name? any
---@param key? any
---@return any ...
function tw_script.getProperty(name, key) end
---@param name? any
---@param properties? any
---@return any ...
function tw_script.setProperties(name, properties) end
--- code, headers, content of another script's callback.
---@param name? any
---@param method? any
---@param path? any
---@param headers? any
---@param query? any
---@param data? any
---@return any ...
function tw_script.executeCallback(name, method, path, headers, query, data) end
--- Forgets those that have ended.
---@return any ...
function tw_script.cleanupFinishedScripts() end

-- Services of the operating system, by systemctl. Each returns whether it came about, and what the system said.
---@class tw_service
tw_service = {}
--- Waits until a service is in a state (active, inactive, failed); active unless given.
---@param name? any
---@param wanted? any
---@param seconds? any
---@return any ...
function tw_service.waitForState(name, wanted, seconds) end
---@param name? any
---@param seconds? any
---@return any ...
function tw_service.start(name, seconds) end
---@param name? any
---@param seconds? any
---@return any ...
function tw_service.stop(name, seconds) end

-- While it is locked, callbacks into this script wait.
---@class tw_mutex
tw_mutex = {}

-- tw_datashape.createDataShape(name, baseType, description, aspects) makes a data shape with a first field.
---@class tw_datashape
tw_datashape = {}
--- An empty data shape.
---@param name? any
---@return any ...
function tw_datashape.new(name) end
---@param name? any
---@param baseType? any
---@param description? any
---@param aspects? any
---@return any ...
function tw_datashape.createDataShape(name, baseType, description, aspects) end

-- tw_infotable.createInfoTable(datashape): rows that are checked against a data shape.
---@class tw_infotable
tw_infotable = {}
--- Adds a row. Returns true, or false and what does not fit.
---@param self? any
---@param row? any
---@return any ...
function methods.addRow(self, row) end
---@param self? any
---@return any ...
function methods.toTable(self) end
---@param self? any
---@return any ...
function methods.toJson(self) end
---@param self? any
---@param index? any
---@return any ...
function methods.getRow(self, index) end
---@param self? any
---@return any ...
function methods.getRowCount(self) end
---@param datashape? any
---@return any ...
function tw_infotable.createInfoTable(datashape) end

-- More functions for tables; they are in `table` too.
---@class tablex
tablex = {}
--- pairs in the order of the keys.
---@param t? any
---@return any ...
function orderedPairs(t) end
--- With all tables within; one that is met twice stays one.
---@param t? any
---@param seen? any
---@return any ...
function tablex.fullCopy(t, seen) end
--- The first level alone.
---@param t? any
---@return any ...
function tablex.sparseCopy(t) end
---@param t? any
---@param key? any
---@return any ...
function tablex.containsKey(t, key) end
---@param t? any
---@param value? any
---@return any ...
function tablex.containsValue(t, value) end
--- { a = { b = 1 } } becomes { ["a.b"] = 1 }.
---@param t? any
---@param prefix? any
---@param flat? any
---@return any ...
function tablex.toFlatTable(t, prefix, flat) end
---@param t? any
---@param indent? any
---@return any ...
function tablex.toString(t, indent) end
---@param t? any
---@param root? any
---@return any ...
function tablex.toXml(t, root) end
--- A list of rows as a table of HTML, anything else as one row a key.
---@param t? any
---@return any ...
function tablex.toHtml(t) end
--- A list of rows; their keys, in order, are the first line.
---@param rows? any
---@return any ...
function tablex.toCsv(rows) end
--- The rows of a text whose first line names the columns (RFC 4180). Values are texts.
---@param text? any
---@return any ...
function tablex.fromCsv(text) end
--- The table as text of a content type: JSON, XML, HTML, CSV or plain.
---@param t? any
---@param contentType? any
---@return any ...
function tablex.toContentTypeString(t, contentType) end

-- Splitting strings. The delimiter is plain text.
---@param text? any
---@param delimiter? any
---@return any ...
function stringx.stringToTable(text, delimiter) end
---@param delimiter? any
---@return any ...
function string:split(delimiter) end

-- Properties by a common prefix or by the key `group` of their definition.
---@class propGroups
propGroups = {}
--- The properties of one group: those whose `group` is its name, or whose names begin with it and a dot or underscore.
---@param properties? any
---@param group? any
---@return any ...
function propGroups.getGroup(properties, group) end

-- Builds a page of HTML for a callback to return.
---@class page
page = {}
---@param title? any
---@return any ...
function page.new(title) end
--- Pieces of HTML, taken as they are.
---@param html? any
---@return any ...
function page:addHeadContent(html) end
---@param html? any
---@return any ...
function page:addContent(html) end
--- Rows of values; the first names the columns where `header` is true.
---@param rows? any
---@param header? any
---@return any ...
function page:addTable(rows, header) end
---@param items? any
---@return any ...
function page:addList(items) end
---@return any ...
function page:render() end
--- What a callback returns: code, headers, content.
---@return any ...
function page:success() end
---@param code? any
---@param text? any
---@return any ...
function page.error(code, text) end
---@param target? any
---@return any ...
function page.redirect(target) end

-- A job of several steps: each is a function that is called with the job and returns true when it is done.
---@class softwarejob
softwarejob = {}
---@param name? any
---@param steps? any
---@return any ...
function softwarejob.new(name, steps) end
--- Runs the next step. Returns whether there are more, and why the job failed.
---@return any ...
function softwarejob:next_step() end

-- A Modbus client, TCP or RTU over TCP, on LuaSocket.
---@class modbus
modbus = {}
--- Options: host, port (502), unit (1), rtu (false: TCP framing), timeout in ms (2000).
---@param options? any
---@return any ...
function modbus.new(options) end
---@param milliseconds? any
---@return any ...
function modbus:set_read_timeout(milliseconds) end
---@return any ...
function modbus:close() end
--- Sends one frame around a function's bytes.
---@param pdu? any
---@return any ...
function modbus:transmitFrame(pdu) end
--- The bytes of the answer's function, or nil and why.
---@return any ...
function modbus:rcvFrame() end
--- What an answer holds: a list of booleans or words, or address and value of what was written.
---@param pdu? any
---@param count? any
---@return any ...
function modbus.processResponse(pdu, count) end
--- Functions 1 to 4 read `value` things from an address; 5 and 6 write one; 15 and 16 write a list.
---@param code? any
---@param address? any
---@param value? any
---@return any ...
function modbus:executeFunction(code, address, value) end
