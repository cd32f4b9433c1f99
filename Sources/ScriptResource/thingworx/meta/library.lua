---@meta
-- Annotations for editors, made by `Scripts/lua-api meta` (`make docs`). Not loaded by the program.

-- log.<level>(area, format, ...): printf style. Without a format the area is the text. A disabled level is an empty function.
---@class log
log = {}
--- Every step, for whoever looks for a mistake.
---@param area? any
---@param format? any
---@param ... any
---@return nil
function log.trace(area, format, ...) end
--- What helps to find a mistake.
---@param area? any
---@param format? any
---@param ... any
---@return nil
function log.debug(area, format, ...) end
--- What happens.
---@param area? any
---@param format? any
---@param ... any
---@return nil
function log.info(area, format, ...) end
--- What somebody should look at.
---@param area? any
---@param format? any
---@param ... any
---@return nil
function log.warn(area, format, ...) end
--- What went wrong. A format that does not fit its arguments is written with them behind it; no level raises an error.
---@param area? any
---@param format? any
---@param ... any
---@return nil
function log.error(area, format, ...) end
--- What matters to whoever watches over access. Written whatever the level.
---@param area? any
---@param format? any
---@param ... any
---@return nil
function log.audit(area, format, ...) end
--- Written whatever the level.
---@param area? any
---@param format? any
---@param ... any
---@return nil
function log.force(area, format, ...) end

-- JSON text <-> Lua values. Arrays and objects are told apart by their keys; an empty table is an object unless it was marked with json.array or read from an empty array. JSON's null is json.null.
---@class json
json = {}
--- Marks a table as an array, so that it is written as [] when it is empty; without one, makes one.
---@param t? any
---@return any ... the table
function json.array(t) end
--- A value as JSON. Functions in a table are left out, numbers that are none become null, bytes that are no UTF-8 become U+FFFD, objects with `toTable` are written as what it returns.
---@param v? any
---@return any ... text; raises an error for a function or the like, and for tables nested deeper than 100.
function json.encode(v) end
--- The value of a JSON text; null is json.null.
---@param s? any
---@return any ... value; raises an error that names line and byte where the text is no JSON.
function json.decode(s) end
--- A text as a string of JSON, in its quotes.
---@param s? any
---@return any ... text
function json.encodeString(s) end
--- Whether a table is written as an array: its keys are just 1 to n, or it is marked as one.
---@param t? any
---@return any ... boolean, n
function json.isArray(t) end
--- Whether json.encode takes a value of this kind.
---@param v? any
---@return any ... boolean
function json.isEncodable(v) end

-- Requests to the gateway. Each returns response, code.
---@class tw_ems
tw_ems = {}
--- Each asks the gateway for a path such as /Thingworx/Things/LocalEms/Properties/isConnected, with the credentials of config.lua.
---@param path? any
---@param headers? any
---@return any ... response text, status; where there is no answer why, and 503, or 504 after requestTimeout. Raises an error where the body cannot be encoded.
function tw_ems.get(path, headers) end
--- As tw_ems.get, with a body: a text as it is, a table as JSON.
---@param path? any
---@param data? any
---@param headers? any
---@return any ... response, status
function tw_ems.put(path, data, headers) end
--- As tw_ems.put.
---@param path? any
---@param data? any
---@param headers? any
---@return any ... response, status
function tw_ems.post(path, data, headers) end
--- As tw_ems.get.
---@param path? any
---@param headers? any
---@return any ... response, status
function tw_ems.delete(path, headers) end

-- The platform, by way of the gateway. Functions return code, response.
---@class server
server = {}
--- A path of the platform, by way of the gateway.
---@param path? any
---@param headers? any
---@return any ... status, response text. After another status than 200 server.available tells whether the gateway answers, and server.online whether the platform is there.
function server.get(path, headers) end
--- As server.get, with a body: a text as it is, a table as JSON.
---@param path? any
---@param data? any
---@param headers? any
---@return any ... status, response
function server.put(path, data, headers) end
--- As server.put.
---@param path? any
---@param data? any
---@param headers? any
---@return any ... status, response
function server.post(path, data, headers) end
--- As server.get.
---@param path? any
---@param headers? any
---@return any ... status, response
function server.delete(path, headers) end
--- Invokes a service of a Thing (by name, or a table with `name`), of this one unless given. `data` are its parameters.
---@param service? any
---@param data? any
---@param thing? any
---@return any ... status, response
function server.invoke(service, data, thing) end
--- Invokes a service of the gateway itself.
---@param service? any
---@param data? any
---@return any ... status, response
function server.invokeLocalEms(service, data) end
--- The same under an older name.
---@param service? any
---@param data? any
---@return any ... status, response
function server.invokeChannel(service, data) end
--- Fires an event of a Thing, of this one unless given, with its data.
---@param event? any
---@param data? any
---@param thing? any
---@return any ... status, response
function server.fireEvent(event, data, thing) end
--- Reads a property from the platform.
---@param name? any
---@param thing? any
---@return any ... status, infotable as JSON text
function server.getProperty(name, thing) end
--- Writes a property of the platform: by name and value, or by a property's own table.
---@param name? any
---@param data? any
---@param thing? any
---@return any ... status, response
function server.setProperty(name, data, thing) end
--- Pushes a list of properties { name, baseType, value, time, quality } in one message.
---@param list? any
---@param thing? any
---@return any ... status, response
function server.setProperties(list, thing) end

-- HTTP to any host, and the callbacks by which others reach this script.
---@class tw_http
tw_http = {}
--- GET from any host. `query` is a table or a text.
---@param host? any
---@param port? any
---@param path? any
---@param headers? any
---@param query? any
---@return any ... response text, status, headers; where there is no answer nil, 503 (504 after requestTimeout), nil, why. Raises an error for a path or header that cannot be sent.
function tw_http.get(host, port, path, headers, query) end
--- POST of a text, or of a table as JSON.
---@param host? any
---@param port? any
---@param path? any
---@param data? any
---@param headers? any
---@return any ... as tw_http.get
function tw_http.post(host, port, path, data, headers) end
--- As tw_http.post.
---@param host? any
---@param port? any
---@param path? any
---@param data? any
---@param headers? any
---@return any ... as tw_http.get
function tw_http.put(host, port, path, data, headers) end
---@param host? any
---@param port? any
---@param path? any
---@param headers? any
---@param query? any
---@return any ... as tw_http.get
function tw_http.delete(host, port, path, headers, query) end
--- As tw_http.get, over TLS. The certificate is checked as config.lua says for the gateway.
---@param host? any
---@param port? any
---@param path? any
---@param headers? any
---@param query? any
---@return any ... as tw_http.get
function tw_http.getSsl(host, port, path, headers, query) end
--- As tw_http.post, over TLS.
---@param host? any
---@param port? any
---@param path? any
---@param data? any
---@param headers? any
---@return any ... as tw_http.get
function tw_http.postSsl(host, port, path, data, headers) end
--- As tw_http.put, over TLS.
---@param host? any
---@param port? any
---@param path? any
---@param data? any
---@param headers? any
---@return any ... as tw_http.get
function tw_http.putSsl(host, port, path, data, headers) end
--- As tw_http.delete, over TLS.
---@param host? any
---@param port? any
---@param path? any
---@param headers? any
---@param query? any
---@return any ... as tw_http.get
function tw_http.deleteSsl(host, port, path, headers, query) end
--- Has /scripts/<script>/<path> answered by a function, or by the function of that name in the caller's scope: f(method, path, headers, query, data) returns status, headers, content. `path` is a list of segments; the longest registered path that matches is taken. Raises an error for what is no function.
---@param path? any
---@param f? any
---@return nil
function tw_http.registerCallback(path, f) end

-- Helpers that scripts use: times, encodings, paths and headers of the gateway's REST interface. Those that every Thing needs are here, the others in tw_utils_more.lua, which is loaded when one of them is looked up.
---@class tw_utils
tw_utils = {}
--- Now.
---@return any ... ms since 0001-01-01
function tw_utils.currentTime() end
--- Pauses the script; its callbacks run meanwhile. Ends no earlier, and by 10 ms later at most where it is 100 ms or more.
---@param milliseconds? any
---@return nil
function tw_utils.psleep(milliseconds) end
--- Percent-encodes all but letters, digits and -._~.
---@param text? any
---@return any ... text
function tw_utils.uri_encode(text) end
--- Path of a Thing's service at the gateway.
---@param name? any
---@param service? any
---@return any ... text
function tw_utils.EMS_SVC_PATH(name, service) end
--- Path of an event.
---@param name? any
---@param event? any
---@return any ... text
function tw_utils.EMS_EVENT_PATH(name, event) end
--- Path of a property; of all without a name.
---@param name? any
---@param property? any
---@return any ... text
function tw_utils.EMS_PROP_PATH(name, property) end
--- Path that takes values with time and quality.
---@param name? any
---@return any ... text
function tw_utils.EMS_PROPS_VTQ_PATH(name) end
--- Headers of a request: Host, Content-Type (application/json unless given), Accept, and more of your own.
---@param host? any
---@param contentType? any
---@param more? any
---@return any ... table
function tw_utils.REQ_HEADERS(host, contentType, more) end
--- Headers of an answer: Content-Type (application/json unless given), and more of your own.
---@param contentType? any
---@param more? any
---@return any ... table
function tw_utils.RESP_HEADERS(contentType, more) end
--- The text of a request's body: "" for nil, a text as it is, else JSON.
---@param data? any
---@return any ... true and the text, or false and why there is none
function tw_utils.encodeData(data) end
--- A value as text, tables as JSON.
---@param value? any
---@return any ... text
function tw_utils.toString(value) end
--- ms since 0001-01-01 as os.time counts.
---@param time? any
---@return any ... seconds since 1970
function tw_utils.datetimeToLuaTime(time) end
--- A time in ms since 0001-01-01 as text, in a format of os.date (%Y-%m-%d %H:%M:%S), in local time or UTC, with milliseconds where wanted.
---@param time? any
---@param format? any
---@param utc? any
---@param milliseconds? any
---@return any ... text
function tw_utils.datetimeToString(time, format, utc, milliseconds) end
---@return any ... "linux"
function tw_utils.host_os() end
---@return any ... false
function tw_utils.isWindows() end
---@param text? any
---@return any ... text
function tw_utils.base64_encode(text) end
---@param text? any
---@return any ... bytes, or nil for what is no Base64
function tw_utils.base64_decode(text) end
--- Encrypts under a key that is any text (AES-256-GCM under its SHA-256), as Base64 where wanted.
---@param input? any
---@param base64? any
---@param key? any
---@return any ... bytes; raises an error without a key.
function tw_utils.aes_encrypt(input, base64, key) end
--- The way back.
---@param input? any
---@param base64? any
---@param key? any
---@return any ... bytes, or nil where the key is another or the text was changed
function tw_utils.aes_decrypt(input, base64, key) end
--- The checksum of Modbus RTU.
---@param text? any
---@return any ... number
function tw_utils.calculateCRC16(text) end
--- The way back; + is a blank.
---@param text? any
---@return any ... text
function tw_utils.uri_decode(text) end
--- name=value pairs as a table; a leading ? is passed over.
---@param text? any
---@return any ... table
function tw_utils.parseQueryParams(text) end
---@param text? any
---@return any ... whether a text is JSON
function tw_utils.isJson(text) end
--- "true" and "1" (any case), numbers but 0, and true.
---@param value? any
---@return any ... boolean
function tw_utils.toboolean(value) end
--- A value with time (now unless given, ms since 1970) and quality (GOOD).
---@param value? any
---@param time? any
---@param quality? any
---@return any ... table
function tw_utils.toVTQ(value, time, quality) end
--- The same with its base type, as a push wants it.
---@param baseType? any
---@param value? any
---@param time? any
---@param quality? any
---@return any ... table
function tw_utils.toVariantVTQ(baseType, value, time, quality) end
--- A value with time and quality as JSON.
---@param value? any
---@param time? any
---@param quality? any
---@return any ... text
function tw_utils.toJsonVTQ(value, time, quality) end
--- An infotable, object or table, as JSON.
---@param table_? any
---@return any ... text
function tw_utils.toJsonInfotable(table_) end
--- Whether a property's value differs from the one pushed last by more than its threshold.
---@param pt? any
---@return any ... boolean
function tw_utils.evaluateChange(pt) end
--- A value as Lua source.
---@param value? any
---@return any ... text; raises an error for a table that holds itself.
function tw_utils.serializeTable(value) end
--- The value of such a text, which can call nothing.
---@param text? any
---@return any ... value, or nil and why
function tw_utils.deserializeTable(text) end
--- Runs f while no callback comes between.
---@param f? any
---@param ... any
---@return any ... what f returns; raises its error.
function tw_utils.scopelock(f, ...) end
---@return any ... bytes that the script's Lua state holds
function tw_utils.memory() end

-- Files and directories. Functions that do something return true, or nil and why not.
---@class tw_dir
tw_dir = {}
---@return any ... the working directory
function tw_dir.pwd() end
--- Names of the files in a directory, sorted.
---@param directory? any
---@return any ... list, or nil and why
function tw_dir.listFiles(directory) end
--- Names of the directories in a directory, sorted.
---@param directory? any
---@return any ... list, or nil and why
function tw_dir.listSubdirs(directory) end
--- What is known of a file.
---@param file? any
---@param hash? any
---@return any ... { name, path, size, lastModified (ms since 1970), isDir, mode, hash (MD5, where asked for) }, or nil and why
function tw_dir.getFileInfo(file, hash) end
--- Whether a file differs from what getFileInfo said of it.
---@param file? any
---@param before? any
---@return any ... boolean
function tw_dir.fileChanged(file, before) end
--- Whether files of a directory came, went or changed since the state that the call before returned.
---@param directory? any
---@param before? any
---@return any ... boolean, the state now
function tw_dir.directoryFilesChanged(directory, before) end
--- The same for its directories.
---@param directory? any
---@param before? any
---@return any ... boolean, the state now
function tw_dir.directorySubdirsChanged(directory, before) end
---@param file? any
---@return any ... 32 hexadecimal digits, or nil and why
function tw_dir.calculateMD5(file) end
--- Backslashes as slashes.
---@param path? any
---@return any ... text
function tw_dir.unixPath(path) end
--- The same, and no slash twice.
---@param path? any
---@return any ... text
function tw_dir.fixPath(path) end
--- Also to another file system.
---@param from? any
---@param to? any
---@return any ... true, or nil and why
function tw_dir.move(from, to) end
--- A directory with all that is in it.
---@param from? any
---@param to? any
---@return any ... true, or nil and why
function tw_dir.copy(from, to) end
--- Of a file, or of all files below a directory.
---@param path? any
---@return any ... bytes, or nil and why
function tw_dir.size(path) end
--- Makes a directory with those on the way to it.
---@param path? any
---@return any ... true, or nil and why
function tw_dir.mkdir(path) end
--- A directory goes with all that is in it; a link goes itself.
---@param path? any
---@return any ... true, or nil and why
function tw_dir.remove(path) end
--- Sets the mode, in octal digits such as "644".
---@param path? any
---@param mode? any
---@return any ... true, or nil and why
function tw_dir.chmod(path, mode) end
---@param path? any
---@return any ... boolean
function tw_dir.exists(path) end
---@param path? any
---@return any ... boolean
function tw_dir.isDir(path) end
---@param path? any
---@return any ... boolean
function tw_dir.isFile(path) end
--- Waits until a file is there.
---@param file? any
---@param milliseconds? any
---@return any ... true, or false when it did not come in time
function tw_dir.waitForFile(file, milliseconds) end
--- Waits until a file has not grown for `wait` ms (1000).
---@param name? any
---@param wait? any
---@param info? any
---@return any ... its info, or nil and why
function tw_dir.dwell(name, wait, info) end
--- Puts files of a directory into an archive (tar, gzip).
---@param archive? any
---@param directory? any
---@param files? any
---@return any ... true, or nil and why
function tw_dir.compressFiles(archive, directory, files) end
--- Puts all of a directory into an archive.
---@param archive? any
---@param directory? any
---@return any ... true, or nil and why
function tw_dir.compressDir(archive, directory) end
--- Compresses one file (gzip), to <file>.gz unless given.
---@param file? any
---@param archive? any
---@return any ... true, or nil and why
function tw_dir.compressFile(file, archive) end
--- Takes an archive apart, in the working directory unless given.
---@param archive? any
---@param directory? any
---@return any ... true, or nil and why
function tw_dir.decompress(archive, directory) end

-- Other scripts of this process.
---@class tw_script
tw_script = {}
--- Starts a script from a file, or from a text in its place. maxRunTime in ms ends it after that time; properties are its p_data.
---@param name? any
---@param file? any
---@param content? any
---@param maxRunTime? any
---@param properties? any
---@return any ... true, or nil and why not; raises an error for a name with a slash.
function tw_script.addScript(name, file, content, maxRunTime, properties) end
--- The same from a file of any directory; `timeout` in ms ends it.
---@param name? any
---@param file? any
---@param timeout? any
---@return any ... true, or nil and why
function tw_script.loadScriptFromFile(name, file, timeout) end
--- Ends a script and forgets it.
---@param name? any
---@return any ... whether there was one; raises an error for the script itself.
function tw_script.removeScript(name) end
--- Ends it and starts it anew, from another text where one is given.
---@param name? any
---@param content? any
---@param properties? any
---@return any ... true, or nil and why
function tw_script.updateScript(name, content, properties) end
---@return any ... name -> Loading, Running, Finished, Stopped or Error
function tw_script.getScriptList() end
---@param name? any
---@return any ... its status, or nil where there is no such script
function tw_script.getStatus(name) end
---@param name? any
---@return any ... what a script that has finished returned
function tw_script.getResult(name) end
---@param name? any
---@return any ... its file, or nil
function tw_script.getFilename(name) end
---@param name? any
---@return any ... its settings as a table, or nil
function tw_script.getProperties(name) end
---@param name? any
---@param key? any
---@return any ... one of its settings, or nil
function tw_script.getProperty(name, key) end
--- Changes its p_data.
---@param name? any
---@param properties? any
---@return any ... whether there is such a script
function tw_script.setProperties(name, properties) end
--- Calls another script's callback; `path` is a list of segments.
---@param name? any
---@param method? any
---@param path? any
---@param headers? any
---@param query? any
---@param data? any
---@return any ... status, headers, content; 404 where there is no such script or callback. Raises an error while a module loads.
function tw_script.executeCallback(name, method, path, headers, query, data) end
--- Forgets those that have ended.
---@return nil
function tw_script.cleanupFinishedScripts() end

-- Services of the operating system, by systemctl. Each returns whether it came about, and what the system said.
---@class tw_service
tw_service = {}
--- Waits until a service of the system is in a state (active unless given; inactive, failed), for 30 s unless given.
---@param name? any
---@param wanted? any
---@param seconds? any
---@return any ... whether it came about, the state
function tw_service.waitForState(name, wanted, seconds) end
--- Starts a service and waits until it is active.
---@param name? any
---@param seconds? any
---@return any ... whether it came about, what the system said
function tw_service.start(name, seconds) end
--- Stops a service and waits until it is inactive.
---@param name? any
---@param seconds? any
---@return any ... whether it came about, what the system said
function tw_service.stop(name, seconds) end

-- While it is locked, callbacks into this script wait.
---@class tw_mutex
tw_mutex = {}
--- Waits for the lock, and holds it until unlock, also over pauses; a second lock of the same script does nothing more.
---@return nil
function tw_mutex.lock() end
--- Lets callbacks in. Does nothing where the lock is not held. The end of the script's main part unlocks too.
---@return nil
function tw_mutex.unlock() end

-- tw_datashape.createDataShape(name, baseType, description, aspects) makes a data shape with a first field.
---@class tw_datashape
tw_datashape = {}
---@class datashape
datashape = {}
--- Adds a field, or takes the place of one of that name; also { name, baseType, description, aspects } in one table.
---@param name? any
---@param baseType? any
---@param description? any
---@param aspects? any
---@return any ... the data shape; raises an error where the name is no text.
function datashape:addField(name, baseType, description, aspects) end
---@return any ... a data shape of its own with the same fields
function datashape:clone() end
---@return any ... the data shape as it stands in an infotable's JSON
function datashape:toTable() end
--- An empty data shape.
---@param name? any
---@return any ... data shape
function tw_datashape.new(name) end
--- A data shape with a first field.
---@param name? any
---@param baseType? any
---@param description? any
---@param aspects? any
---@return any ... data shape; raises an error where the name is no text.
function tw_datashape.createDataShape(name, baseType, description, aspects) end

-- tw_infotable.createInfoTable(datashape): rows that are checked against a data shape.
---@class tw_infotable
tw_infotable = {}
---@class infotable
infotable = {}
--- Adds a row; fields it does not have take their default.
---@param row? any
---@return any ... true, or false and what does not fit the data shape
function infotable:addRow(row) end
---@return any ... { dataShape, rows }
function infotable:toTable() end
---@return any ... JSON text
function infotable:toJson() end
---@param index? any
---@return any ... the row, or nil
function infotable:getRow(index) end
---@return any ... number
function infotable:getRowCount() end
--- An infotable of a data shape, without rows; it[2] is its second row, it.field that field of the first.
---@param datashape? any
---@return any ... infotable; raises an error for what is no data shape.
function tw_infotable.createInfoTable(datashape) end

-- More functions for tables; they are in `table` too.
---@class tablex
tablex = {}
--- pairs in the order of the keys.
---@param t? any
---@return any ... iterator
function orderedPairs(t) end
--- With all tables within; one that is met twice stays one.
---@param t? any
---@param seen? any
---@return any ... table
function tablex.fullCopy(t, seen) end
--- The first level alone.
---@param t? any
---@return any ... table
function tablex.sparseCopy(t) end
---@param t? any
---@param key? any
---@return any ... boolean
function tablex.containsKey(t, key) end
---@param t? any
---@param value? any
---@return any ... boolean
function tablex.containsValue(t, value) end
--- { a = { b = 1 } } becomes { ["a.b"] = 1 }.
---@param t? any
---@param prefix? any
---@param flat? any
---@return any ... table
function tablex.toFlatTable(t, prefix, flat) end
--- For people to read.
---@param t? any
---@param indent? any
---@return any ... text
function tablex.toString(t, indent) end
--- Elements named after the keys, within `root` ("table"); list elements are `item`.
---@param t? any
---@param root? any
---@return any ... text
function tablex.toXml(t, root) end
--- A list of rows as a table of HTML, anything else as one row a key.
---@param t? any
---@return any ... text
function tablex.toHtml(t) end
--- A list of rows; their keys, in order, are the first line.
---@param rows? any
---@return any ... text
function tablex.toCsv(rows) end
--- The rows of a text whose first line names the columns (RFC 4180). Values are texts.
---@param text? any
---@return any ... list
function tablex.fromCsv(text) end
--- The table as text of a content type: JSON, XML, HTML, CSV or plain.
---@param t? any
---@param contentType? any
---@return any ... text
function tablex.toContentTypeString(t, contentType) end

-- Splitting strings. The delimiter is plain text.
--- Splits at a delimiter (","), which is plain text.
---@param text? any
---@param delimiter? any
---@return any ... list
function stringx.stringToTable(text, delimiter) end
--- The same as a method of every string.
---@param delimiter? any
---@return any ... list
function string:split(delimiter) end

-- Properties by a common prefix or by the key `group` of their definition.
---@class propGroups
propGroups = {}
--- The properties of one group: those whose `group` is its name, or whose names begin with it and a dot or underscore.
---@param properties? any
---@param group? any
---@return any ... name -> property
function propGroups.getGroup(properties, group) end

-- Builds a page of HTML for a callback to return.
---@class page
page = {}
--- A page with a title.
---@param title? any
---@return any ... page
function page.new(title) end
--- Adds HTML to the head, as it is.
---@param html? any
---@return any ... the page
function page:addHeadContent(html) end
--- Adds HTML to the body, as it is.
---@param html? any
---@return any ... the page
function page:addContent(html) end
--- Rows of values; the first names the columns where `header` is true. Values are escaped.
---@param rows? any
---@param header? any
---@return any ... the page
function page:addTable(rows, header) end
--- A list of values, escaped.
---@param items? any
---@return any ... the page
function page:addList(items) end
---@return any ... the page as HTML
function page:render() end
--- What a callback returns.
---@return any ... 200, headers, HTML
function page:success() end
--- A page that says what went wrong.
---@param code? any
---@param text? any
---@return any ... the status (500), headers, HTML
function page.error(code, text) end
--- Sends the browser elsewhere.
---@param target? any
---@return any ... 302, headers, ""
function page.redirect(target) end

-- A job of several steps: each is a function that is called with the job and returns true when it is done.
---@class softwarejob
softwarejob = {}
--- A job of steps that have not begun.
---@param name? any
---@param steps? any
---@return any ... job
function softwarejob.new(name, steps) end
--- Runs the next step.
---@return any ... whether there are more, and why the job failed; `state` is NEW, RUNNING, COMPLETED or FAILED.
function softwarejob:next_step() end

-- A Modbus client, TCP or RTU over TCP, on LuaSocket.
---@class modbus
modbus = {}
--- Options: host, port (502), unit (1), rtu (false: TCP framing), timeout in ms (2000). Connects when it is first used.
---@param options? any
---@return any ... client
function modbus.new(options) end
--- Sets the timeout, in ms.
---@param milliseconds? any
---@return nil
function modbus:set_read_timeout(milliseconds) end
--- Closes the connection; the next call opens it again.
---@return nil
function modbus:close() end
--- Sends one frame around a function's bytes.
---@param pdu? any
---@return any ... true, or nil and why
function modbus:transmitFrame(pdu) end
--- Waits for the answer.
---@return any ... the bytes of its function, or nil and why
function modbus:rcvFrame() end
--- What an answer holds.
---@param pdu? any
---@param count? any
---@return any ... a list of booleans or words, or address and value of what was written; nil and why for an exception
function modbus.processResponse(pdu, count) end
--- Functions 1 to 4 read `value` things from an address; 5 and 6 write one; 15 and 16 write a list.
---@param code? any
---@param address? any
---@param value? any
---@return any ... as processResponse; nil and why where there is no answer
function modbus:executeFunction(code, address, value) end

-- The Thing object that templates know as `me`.
---@class me
me = {}
--- Runs f with what else is given; an error in it is logged as that of `what`, with its traceback, and ends nothing.
---@param what? any
---@param f? any
---@param ... any
---@return any ... whether there was none
function me:guard(what, f, ...) end
--- Has f(me) called at the "start" or the "stop" of the Thing; errors in it are logged. Raises an error for another event.
---@param event? any
---@param label? any
---@param f? any
---@return nil
function me:addLifecycleListener(event, label, f) end
--- Registers with the gateway, as the main loop does by itself.
---@return any ... status, response
function me:registerEdgeThing() end
--- Leaves the gateway until the next registration.
---@return any ... status, response
function me:deregisterEdgeThing() end
--- Reads a property through its handler.
---@param name? any
---@return any ... status, infotable as JSON text, or what is wrong
function me:getProperty(name) end
--- Writes a property through its handler; `data` is { value = … } or { <name> = … }.
---@param name? any
---@param headers? any
---@param query? any
---@param data? any
---@return any ... status, and what is wrong
function me:setProperty(name, headers, query, data) end
--- All properties, read through their handlers.
---@return any ... status, infotable as a table
function me:getProperties() end
--- Not implemented: templates may.
---@return any ... 501, text
function me:setProperties() end
---@return any ... status, names of the services
function me:getServices() end
