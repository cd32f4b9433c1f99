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

-- JSON text <-> Lua values. A table whose keys are whole numbers from 1 on is an array, an empty one too; any other is an object. null is nil: absent in objects, a hole in arrays.
---@class json
json = {}
--- Stands for null where it is to be written: as a value, or called.
---@return any ... itself
function json.null() end
--- Marks a table as an object, so that it is written as {} when it is empty; without one, makes one.
---@param t? any
---@return any ... the table
function json.object(t) end
--- A value as JSON. Holes in arrays become null, keys that are numbers texts; functions in a table are left out, numbers that are none become null, bytes that are no UTF-8 become U+FFFD, objects with `toTable` are written as what it returns.
---@param v? any
---@return any ... text; raises an error for a function or the like, and for tables nested deeper than 100.
function json.encode(v) end
--- The value of a JSON text; null is nil. Comments, strings in single quotes and superfluous commas are taken, and what follows the value is not looked at.
---@param s? any
---@return any ... value; raises an error that names line and byte where the text is no JSON.
function json.decode(s) end
--- A text as a string of JSON, in its quotes.
---@param s? any
---@return any ... text
function json.encodeString(s) end
--- Whether a table is written as an array.
---@param t? any
---@return any ... boolean, its highest key
function json.isArray(t) end
--- Whether json.encode takes a value of this kind.
---@param v? any
---@return any ... boolean
function json.isEncodable(v) end

-- Requests to the gateway, with the credentials of config.lua. Each returns response, code: in that order.
---@class tw_ems
tw_ems = {}
--- Asks the gateway for a path such as /Thingworx/Things/LocalEms/Properties/isConnected.
---@param path? any
---@param headers? any
---@return any ... response text, status; where there is no answer why, and 503, or 504 after requestTimeout; 400 for what cannot be sent
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

-- The platform, by way of the gateway. Functions return code, response. `thing` names a Thing, this one where it is missing.
---@class server
server = {}
--- A path of the platform, by way of the gateway.
---@param path? any
---@return any ... status, response text. After another status than 200 server.available and server.online are found out.
function server.get(path) end
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
---@return any ... status, response
function server.delete(path) end
--- Invokes a service of a Thing; `data` are its parameters, a table or nil.
---@param service? any
---@param data? any
---@param thing? any
---@return any ... status, response; 404 without a service, 400 where the data are no table
function server.invoke(service, data, thing) end
--- Invokes a service of the gateway itself.
---@param service? any
---@param data? any
---@return any ... as server.invoke
function server.invokeLocalEms(service, data) end
--- Invokes a service of the Thing named `me`.
---@param service? any
---@param data? any
---@return any ... as server.invoke
function server.invokeChannel(service, data) end
--- Fires an event of a Thing, with its data.
---@param event? any
---@param data? any
---@param thing? any
---@return any ... status, response; 404 without an event, 400 where the data are no table
function server.fireEvent(event, data, thing) end
--- Reads a property from the platform.
---@param name? any
---@param thing? any
---@return any ... status, infotable as JSON text; 404 without a name
function server.getProperty(name, thing) end
--- Writes a property of the platform: by name, with { <name> = v } or { value = v }; or by a property's own table, which is then pushed with its time and quality.
---@param name? any
---@param data? any
---@param thing? any
---@return any ... status, response; 404 without a name, 400 where the data are no table
function server.setProperty(name, data, thing) end
--- One message of rows that are ready to be sent, as text.
---@param rows? any
---@return nil
function server.pushText(rows) end
--- Sends such a message. `id` tells the platform that it is the same, where it is sent again.
---@param text? any
---@param thing? any
---@param id? any
---@return nil
function server.pushMessage(text, thing, id) end
--- One message of rows that are ready to be sent.
---@param rows? any
---@param thing? any
---@return nil
function server.pushRows(rows, thing) end
--- Pushes properties, a list or a map of their tables, in batches of maxConcurrentPropertyUpdates; one that fails ends it. What has no form in its base type is left out, with a warning.
---@param list? any
---@param thing? any
---@return any ... status, response of the last batch; 404 for nil
function server.setProperties(list, thing) end

-- HTTP to any host, and the callbacks by which others reach this script.
---@class tw_http
tw_http = {}
--- GET from any host; headers and query are tables, and may be missing.
---@param host? any
---@param port? any
---@param path? any
---@param headers? any
---@param query? any
---@return any ... response text, status, headers; where there is no answer nil, 503 (504 after requestTimeout), nil, why; 400 in place of 503 for what cannot be sent
function tw_http.get(host, port, path, headers, query) end
--- POST of a text as it is, or of a table as the fields of a form.
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
--- Has /scripts/<script>/<path>, or all of the script's with "/", answered by the function of that name, which is looked up at each request: among the caller's names, then the globals. A function may stand in place of its name. It is called as f(method, path, headers, query, data) and returns a status; a status and a text; or a status, headers and a text. `path` is a list of segments. The longest registered path that fits is taken. Raises an error for what is no function.
---@param path? any
---@param name? any
---@return nil
function tw_http.registerCallback(path, name) end

-- Helpers that scripts use: times, encodings, paths and headers of the gateway's REST interface. Those that every Thing needs are here, the others in tw_utils_more.lua, which is loaded when one of them is looked up.
---@class tw_utils
tw_utils = {}
--- Now.
---@return any ... ms since 0001-01-01
function tw_utils.currentTime() end
--- Pauses the script; its callbacks run meanwhile. Ends no earlier, and by 10 ms later at most where it is 100 ms or more; at once where the script is to end.
---@param milliseconds? any
---@return any ... kilobytes that the script's state holds
function tw_utils.psleep(milliseconds) end
--- Percent-encodes all but letters, digits and -._~.
---@param text? any
---@return any ... text
function tw_utils.uri_encode(text) end
--- Path of a Thing's service at the gateway; names go in as they are.
---@param thing? any
---@param service? any
---@return any ... text
function tw_utils.EMS_SVC_PATH(thing, service) end
--- Path of an event.
---@param thing? any
---@param event? any
---@return any ... text
function tw_utils.EMS_EVENT_PATH(thing, event) end
--- Path of a property.
---@param thing? any
---@param property? any
---@return any ... text
function tw_utils.EMS_PROP_PATH(thing, property) end
--- Path of all properties with value, time and quality.
---@param thing? any
---@return any ... text
function tw_utils.EMS_PROPS_VTQ_PATH(thing) end
--- Puts the headers of a request into a table: content-type (application/json) and host (localhost).
---@param host? any
---@param contentType? any
---@param headers? any
---@return any ... the table that was given, or a new one
function tw_utils.REQ_HEADERS(host, contentType, headers) end
--- The same for an answer, with content-type alone.
---@param contentType? any
---@param headers? any
---@return any ... the table that was given, or a new one
function tw_utils.RESP_HEADERS(contentType, headers) end
--- The text of a request's body: {} for nil and for an empty table, else JSON.
---@param data? any
---@return any ... true and the text; false and why for what is no table, or has no form in JSON
function tw_utils.encodeData(data) end
--- false is nil, false, 0 and "false" in any letter case; all else is true.
---@param value? any
---@return any ... boolean
function tw_utils.toboolean(value) end
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
---@return any ... text; for what is no text nil and why
function tw_utils.base64_encode(text) end
---@param text? any
---@return any ... bytes; for what is no Base64 nil and why
function tw_utils.base64_decode(text) end
--- Encrypts (AES-256-GCM) under a key that is any text, of 16 bytes mostly; as Base64 where wanted.
---@param input? any
---@param base64? any
---@param key? any
---@return any ... bytes, or nil and why
function tw_utils.aes_encrypt(input, base64, key) end
--- The way back; base64 says whether the input is Base64.
---@param input? any
---@param base64? any
---@param key? any
---@return any ... bytes; nil and why where the key is another or the text was changed
function tw_utils.aes_decrypt(input, base64, key) end
--- The checksum of Modbus RTU.
---@param text? any
---@return any ... number, or nil for what is no text
function tw_utils.calculateCRC16(text) end
--- The way back; + is a blank.
---@param text? any
---@return any ... text
function tw_utils.uri_decode(text) end
--- A path apart from the query behind it; names and values are not decoded.
---@param text? any
---@return any ... path, table of name and text
function tw_utils.parseQueryParams(text) end
---@param text? any
---@return any ... whether a text is JSON
function tw_utils.isJson(text) end
--- key=value pairs, descending by key, keys of tables within joined by points, and the separator (", ") behind each.
---@param t? any
---@param separator? any
---@return any ... text; raises an error for keys that are not of one type
function tw_utils.toString(t, separator) end
--- A property's value, time (now if it has none) and quality (UNKNOWN).
---@param pt? any
---@return any ... table
function tw_utils.toVTQ(pt) end
--- The same with { baseType, value } as value, as a push wants it.
---@param pt? any
---@return any ... table
function tw_utils.toVariantVTQ(pt) end
--- A property's value, time and quality as JSON.
---@param pt? any
---@return any ... text; one that says so where the value has no form in JSON
function tw_utils.toJsonVTQ(pt) end
--- A property as an infotable of one row with two fields, its value and its time, as JSON; an infotable as it is.
---@param pt? any
---@return any ... text
function tw_utils.toJsonInfotable(pt) end
--- Whether a property is to be pushed: ALWAYS, or VALUE where it differs from prev.value, of numbers by more than pushThreshold, or forcePush is set.
---@param pt? any
---@return any ... boolean
function tw_utils.evaluateChange(pt) end
--- A table as Lua source, a constructor.
---@param value? any
---@return any ... text; raises an error for what is no table, or holds itself.
function tw_utils.serializeTable(value) end
--- The value of such a text; nothing in it is run.
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

-- Files and directories. What is done returns 0 or the system's code; info records are { size, lastModified (ms since 1970), readOnly, isFile, isDir, md5 }.
---@class tw_dir
tw_dir = {}
---@return any ... the working directory
function tw_dir.pwd() end
--- The files of a directory.
---@param directory? any
---@return any ... table of name and info record; raises an error where there is no such directory
function tw_dir.listFiles(directory) end
--- The directories of a directory.
---@param directory? any
---@return any ... table of name and info record; raises an error where there is no such directory
function tw_dir.listSubdirs(directory) end
--- What is known of a file, with its MD5 where `hash` is true.
---@param file? any
---@param hash? any
---@return any ... info record, or nil where there is none
function tw_dir.getFileInfo(file, hash) end
--- Whether a file differs from a record of it.
---@param file? any
---@param info? any
---@return any ... info record now, 0; with 1 where it differs, or there was none; nil, -1 where it is gone
function tw_dir.fileChanged(file, info) end
--- Whether files of a directory are new or changed since the table that the call before returned, or gone, where reportDeleted is true.
---@param directory? any
---@param info? any
---@param reportDeleted? any
---@return any ... boolean, the table now
function tw_dir.directoryFilesChanged(directory, info, reportDeleted) end
--- The same for its directories.
---@param directory? any
---@param info? any
---@param reportDeleted? any
---@return any ... boolean, the table now
function tw_dir.directorySubdirsChanged(directory, info, reportDeleted) end
---@param file? any
---@return any ... 32 hexadecimal digits, or nil
function tw_dir.calculateMD5(file) end
--- Backslashes as slashes; with a slash at the end where `trailer` is true.
---@param path? any
---@param trailer? any
---@return any ... text
function tw_dir.unixPath(path, trailer) end
--- The same, and no slash twice.
---@param path? any
---@param trailer? any
---@return any ... text
function tw_dir.fixPath(path, trailer) end
--- Also to another file system; into `destination` where it is a directory.
---@param source? any
---@param destination? any
---@return any ... 0, or the system's code; nil without arguments
function tw_dir.move(source, destination) end
--- A directory with all that is in it; into `destination` where it is a directory.
---@param source? any
---@param destination? any
---@return any ... 0, or the system's code; nil without arguments
function tw_dir.copy(source, destination) end
--- Makes a directory with those on the way to it.
---@param path? any
---@return any ... 0, or the system's code; nil without an argument
function tw_dir.mkdir(path) end
--- A directory goes with all that is in it, a link goes itself; what is not there is gone already.
---@param path? any
---@return any ... 0, or the system's code; nil without an argument
function tw_dir.remove(path) end
--- Sets the mode, as chmod(1) takes it: octal digits, or letters such as "u+x".
---@param file? any
---@param perm? any
---@return any ... 0, or the system's code; nil without arguments
function tw_dir.chmod(file, perm) end
--- Of a file.
---@param file? any
---@return any ... bytes, or nil
function tw_dir.size(file) end
---@param path? any
---@return any ... boolean
function tw_dir.exists(path) end
---@param path? any
---@return any ... boolean
function tw_dir.isDir(path) end
---@param path? any
---@return any ... boolean
function tw_dir.isFile(path) end
--- Waits until a file is there, at most so many ms; looks every 100 ms.
---@param file? any
---@param timeout? any
---@return any ... boolean
function tw_dir.waitForFile(file, timeout) end
--- Waits until a file has not changed between two looks, `wait` ms (25) apart.
---@param name? any
---@param wait? any
---@param info? any
---@return any ... info record, or nil where it is not there
function tw_dir.dwell(name, wait, info) end
--- Puts files, the keys of a table as listFiles returns it, into a ZIP archive; names and archive are relative to rootdir (/). The archive is called after the first file, with .zip, unless given.
---@param files? any
---@param rootdir? any
---@param zipfile? any
---@return any ... its name, or "" where it was not made
function tw_dir.compressFiles(files, rootdir, zipfile) end
--- Puts a directory with all that is in it into a ZIP archive; links are left out.
---@param directory? any
---@param rootdir? any
---@param zipfile? any
---@return any ... as compressFiles
function tw_dir.compressDir(directory, rootdir, zipfile) end
--- Puts one file into a ZIP archive.
---@param file? any
---@param rootdir? any
---@param zipfile? any
---@return any ... as compressFiles
function tw_dir.compressFile(file, rootdir, zipfile) end
--- Takes a ZIP archive apart, into a directory that is made if need be. Nothing is written outside of it: an archive with a name that leads out of it, or a link, is refused as a whole.
---@param file? any
---@param directory? any
---@return any ... true; nil and why
function tw_dir.decompress(file, directory) end

-- Other scripts of this process.
---@class tw_script
tw_script = {}
--- Starts a script from a file of the directories for scripts, which runs until it is stopped; or from a text in its place, which is stopped after max_run_time seconds (20; 0 for never). props are its p_data.
---@param name? any
---@param filename? any
---@param content? any
---@param max_run_time? any
---@param props? any
---@return any ... a text, and 0 or an HTTP status
function tw_script.addScript(name, filename, content, max_run_time, props) end
--- Ends a script and starts it anew from another file or text; without props it keeps its own.
---@param name? any
---@param filename? any
---@param content? any
---@param max_run_time? any
---@param props? any
---@return any ... as addScript
function tw_script.updateScript(name, filename, content, max_run_time, props) end
--- Has a script run: starts it from a file unless there is one of that name, and waits until it runs, at most `timeout` seconds (0: for ever).
---@param name? any
---@param file? any
---@param timeout? any
---@return any ... boolean; raises an error without a name or a file
function tw_script.loadScriptFromFile(name, file, timeout) end
--- Ends a script and forgets it.
---@param name? any
---@return any ... a text, and 0 or an HTTP status
function tw_script.removeScript(name) end
---@return any ... name -> Loading, Running, Finished, Stopped or Error
function tw_script.getScriptList() end
---@param name? any
---@return any ... its status; a text that says so where there is no such script
function tw_script.getStatus(name) end
---@param name? any
---@return any ... what a script that has finished returned; a text that says so where there is no such script
function tw_script.getResult(name) end
---@param name? any
---@return any ... its file; a text that says so where there is no such script
function tw_script.getFilename(name) end
---@param name? any
---@return any ... its settings as a table; a text that says so where there is no such script
function tw_script.getProperties(name) end
---@param name? any
---@param key? any
---@return any ... one of its settings, or nil; a text that says so where there is no such script
function tw_script.getProperty(name, key) end
--- Changes its p_data.
---@param name? any
---@param properties? any
---@return any ... 0, or an HTTP status
function tw_script.setProperties(name, properties) end
--- Calls another script's callback, or a Thing's Properties/… and Services/…. `path` is a text without a query, "/" unless given; data is a table that the callback gets, its `content` a body.
---@param name? any
---@param method? any
---@param path? any
---@param headers? any
---@param query? any
---@param data? any
---@return any ... status, text, headers; 404 where there is no such script or callback, 504 where it does not answer within requestTimeout
function tw_script.executeCallback(name, method, path, headers, query, data) end
--- Forgets those that have ended.
---@return any ... a text
function tw_script.cleanupFinishedScripts() end

-- Services of the operating system, by systemctl.
---@class tw_service
tw_service = {}
--- Waits until a service of the system is RUNNING or STOPPED, at most waitTime seconds (60; 0 for ever).
---@param name? any
---@param state? any
---@param waitTime? any
---@return any ... whether it is
function tw_service.waitForState(name, state, waitTime) end
--- Starts a service and waits until it runs, at most waitTime seconds (0: for ever).
---@param name? any
---@param waitTime? any
---@return any ... whether it does
function tw_service.start(name, waitTime) end
--- Stops a service and waits until it is stopped, at most waitTime seconds (0: for ever).
---@param name? any
---@param waitTime? any
---@return any ... whether it is
function tw_service.stop(name, waitTime) end

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
--- pairs in the order of the keys, ascending, or as f(a, b) says that a comes first.
---@param t? any
---@param f? any
---@return any ... iterator
function orderedPairs(t, f) end
--- With all tables within, keys too; one that is met twice stays one. Metatables are not kept.
---@param t? any
---@param seen? any
---@return any ... table
function tablex.fullCopy(t, seen) end
--- One branch alone: the keys on the way to it, numeric texts as numbers where the table has those.
---@param t? any
---@param branch? any
---@return any ... table, type of the leaf ("nil" where there is none); nil where one of both is no table
function tablex.sparseCopy(t, branch) end
---@param t? any
---@param key? any
---@return any ... the table where it has the key, else nil
function tablex.containsKey(t, key) end
---@param t? any
---@param value? any
---@return any ... the table where it has the value, else nil
function tablex.containsValue(t, value) end
--- { a = { b = 1 } } becomes { ["a.b"] = 1 }, in `out` where it is given; what is no scalar stands under ERROR.
---@param t? any
---@param out? any
---@param prefix? any
---@return any ... table
function tablex.toFlatTable(t, out, prefix) end
--- Lines of key=value of the flat table, descending by key; query.delim (=) stands between.
---@param t? any
---@param prefix? any
---@param query? any
---@return any ... text
function tablex.toString(t, prefix, query) end
--- The flat table as one row, descending by key, with a comma behind each value; a row of keys before it where query.headers is true.
---@param t? any
---@param prefix? any
---@param query? any
---@return any ... text
function tablex.toCsv(t, prefix, query) end
--- Elements named after the keys, in their order, within `root` ("root"); the elements of a list are named as the list, with their number as attribute id. Texts go in as they are.
---@param root? any
---@param t? any
---@param indent? any
---@return any ... text
function tablex.toXml(root, t, indent) end
--- A table of HTML of class palantiriTable, a row a key; tables within are links to root/key.
---@param t? any
---@param root? any
---@return any ... text
function tablex.toHtml(t, root) end
--- The table as text/xml, application/xml, text/html, text/csv, text/x-lua-table or application/json, else as toString.
---@param t? any
---@param contentType? any
---@param query? any
---@param prefix? any
---@param link_root? any
---@return any ... text
function tablex.toContentTypeString(t, contentType, query, prefix, link_root) end
--- The rows of a text, fields by their number; with headerRow true the first row names the fields and is left out. useName is the number of the column whose values are the keys of the rows. Empty lines are passed over.
---@param csv? any
---@param useName? any
---@param headerRow? any
---@return any ... list or map of rows; nil for what is no text
function tablex.fromCsv(csv, useName, headerRow) end

-- Splitting strings.
--- Splits at any of the characters of a delimiter, at white space without one; empty pieces are dropped.
---@param text? any
---@param delimiter? any
---@return any ... list, count; nil for what is no text
function stringx.stringToTable(text, delimiter) end
--- The same.
---@param text? any
---@param delimiter? any
---@return any ... list, count
function stringx.split(text, delimiter) end
--- The same as a method of every string.
---@param delimiter? any
---@return any ... list, count
function string:split(delimiter) end

-- Several properties at once, under the names that a caller wants.
---@class propGroups
propGroups = {}
--- A table with the keys of `items`: for a name what access(name) returns, for { f = "name", … } what that function of the script returns for the rest, names among it taken through access.
---@param access? any
---@param items? any
---@return any ... table; nil, and an error in the log, for no table
function propGroups.getGroup(access, items) end

-- Builds a page of HTML for a callback to return. Texts go in as they are: what comes from others is to be escaped, with page.escape.
---@class page
page = {}
--- A text as it is to stand in HTML.
---@param value? any
---@return any ... text
function page.escape(value) end
--- A page with a title. Its fields may be changed: title, id, doctype, html_open, body_open, headers, status, and the lists head, style, body.
---@param title? any
---@return any ... page; raises an error without a title
function page:new(title) end
--- Adds to the head, as string.format does.
---@param format? any
---@param ... any
---@return nil
function page:addHeadContent(format, ...) end
--- Adds to the body, as string.format does.
---@param format? any
---@param ... any
---@return nil
function page:addContent(format, ...) end
--- Rows, which are lists, or maps whose cells follow `headers`, as a table.
---@param rows? any
---@param id? any
---@param class? any
---@param headers? any
---@param tr_class? any
---@param th_class? any
---@param td_class? any
---@return any ... HTML
function page:render_table(rows, id, class, headers, tr_class, th_class, td_class) end
--- A list as <ul>, or <ol> where it is ordered; a map as <dl>.
---@param t? any
---@param ordered? any
---@param id? any
---@param class? any
---@param li_class? any
---@param dt_class? any
---@param dd_class? any
---@return any ... HTML
function page:render_list(t, ordered, id, class, li_class, dt_class, dd_class) end
--- Adds what page:render_table makes.
---@param rows? any
---@param id? any
---@param class? any
---@param headers? any
---@param tr_class? any
---@param th_class? any
---@param td_class? any
---@return nil
function page:addTable(rows, id, class, headers, tr_class, th_class, td_class) end
--- Adds what page:render_list makes.
---@param t? any
---@param ordered? any
---@param id? any
---@param class? any
---@param li_class? any
---@param dt_class? any
---@param dd_class? any
---@return nil
function page:addList(t, ordered, id, class, li_class, dt_class, dd_class) end
--- What a callback returns: success for 200, redirect(code, message) for 301 to 303, error for all else; the code is the page's status unless given.
---@param code? any
---@param message? any
---@param description? any
---@return any ... status, headers, text
function page:render(code, message, description) end
--- The page. For text/html all of it, for text/xml the body behind a prolog, for other types the body.
---@return any ... status, headers, text
function page:success() end
--- The page with code (500), message and description in place of its body.
---@param code? any
---@param message? any
---@param description? any
---@return any ... status, headers, text
function page:error(code, message, description) end
--- Sends the browser elsewhere, with 303 unless given.
---@param code? any
---@param path? any
---@return any ... status, headers, ""
function page:redirect(code, path) end

-- A software update: an archive with a script in it, whose steps are run one after the other.
---@class softwarejob
softwarejob = {}
--- A job of a table with id, name, thing, repository, path, script and updateManager, and sw_update_abs_dir where the archive lies; downloadTime and installTime are numbers.
---@param t? any
---@return any ... job, which has besides zip_file, zip_dir, zip_abs_path, current_step, steps and error; raises an error for what is missing or no number
function softwarejob.new(t) end
--- The next step; the first call unpacks the archive and loads its script, which sets `steps`, a list of names, and a function for each. A step's function is called with the job, and returns true, or nil and why.
---@return any ... name, function; nil after the last; nil and why where it cannot be
function softwarejob:next_step() end

-- A Modbus client, TCP or RTU over TCP, on LuaSocket.
---@class modbus
modbus = {}
--- Options: host, port (502), timeout in ms (2000), rtu (false: TCP framing). Connects when it is first used.
---@param config? any
---@return any ... client; raises an error for no table
function modbus:new(config) end
--- Sets the timeout, in ms.
---@param milliseconds? any
---@return nil
function modbus:set_read_timeout(milliseconds) end
--- Closes the connection; the next call opens it again.
---@return nil
function modbus:close() end
--- Sends a request, as executeFunction does, and waits for its answer.
---@param slave? any
---@param func? any
---@param register? any
---@param count? any
---@param data? any
---@return any ... frame { slave, code, data }, or nil and why
function modbus:transmitFrame(slave, func, register, count, data) end
--- Waits for an answer of that slave to that function.
---@param slaveId? any
---@param code? any
---@return any ... frame { slave, code, data }, or nil and why
function modbus:rcvFrame(slaveId, code) end
--- The values in an answer's bytes, those behind the code: of coils truth values, of registers numbers from 0 to 65535, or what `formats` say (a list of { type, … }: Int16, Uint16, Int32, Uint32, Float with scale and offset, Double, String with its length, MaskedBitmap16, MaskedBitmap32 with offset and length, Timestamp).
---@param code? any
---@param pkt? any
---@param formats? any
---@return any ... list, or those up to a mistake and what it is
function modbus:processResponse(code, pkt, formats) end
--- Functions 1 to 4 read `count` coils or registers from `register`; 5 and 6 write `data`; 15 and 16 write a list.
---@param slave? any
---@param func? any
---@param register? any
---@param count? any
---@param data? any
---@param formats? any
---@return any ... list of values, as processResponse; 0 for what was written; nil and why where there is no answer, or a refusal
function modbus:executeFunction(slave, func, register, count, data, formats) end

-- The Thing as templates know it: `me`, which is the table p_data. What is no setting of it is a variable or a function of the template; a template's own function of a name below takes its place.
---@class me
me = {}
--- Reads a property through its handler, whatever its push type; headers and query are passed on.
---@param name? any
---@param headers? any
---@param query? any
---@return any ... 200, infotable of two fields as JSON text; or the handler's status and text; raises an error for an unknown name.
function me:getProperty(name, headers, query) end
--- Writes a property through its handler. The value is data.rows[1].<name>, else data.<name>, else data.value; afterwards both of the latter hold it.
---@param name? any
---@param headers? any
---@param query? any
---@param data? any
---@return any ... the handler's status and text; 400 where there is no value or it does not fit; raises an error for an unknown name.
function me:setProperty(name, headers, query, data) end
--- All properties as they are, without reading them.
---@param headers? any
---@param query? any
---@return any ... 200, JSON text: an object of name and property, with all fields but functions
function me:getProperties(headers, query) end
--- Sets several properties. Templates may have their own.
---@param headers? any
---@param query? any
---@param data? any
---@return any ... 500, text
function me:setProperties(headers, query, data) end
---@param headers? any
---@param query? any
---@return any ... 200, names of the services as a JSON list
function me:getServices(headers, query) end
--- Registers with the gateway, as the main loop does by itself; with register = false just sets me.registered.
---@return any ... status, response
function me:registerEdgeThing() end
--- Leaves the gateway until the next registration.
---@return any ... status, response
function me:deregisterEdgeThing() end
--- Has f() called at the "start" or the "stop" of the Thing; errors in it are logged. A later one of the same label takes the place of the earlier. Raises an error for another event.
---@param event? any
---@param label? any
---@param f? any
---@return nil
function me:addLifecycleListener(event, label, f) end
--- The module of a handler; for a name that is none the handler `script`, and the name of the script.
---@param name? any
---@return any ... handler, name
function me:openHandler(name) end
