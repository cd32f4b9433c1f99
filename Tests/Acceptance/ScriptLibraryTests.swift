import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOHTTP1
import NIOPosix
import TestKit
import Testing

/// The Lua modules and handlers that users' templates call.
@Suite struct ScriptLibraryTests {
    /// A script resource without a gateway, running one plain script; a failed assertion ends the script with its line.
    private func run(_ script: String, entries: String = "", gateway: Int = 1, templates: [String: String] = [:], _ body: (Chain, Int, Program) async throws -> Void) async throws {
        let chain = try Chain()
        try chain.directory.write("etc/custom/scripts/test.lua", script)
        let cover = Bundle.module.path(forResource: "cover", ofType: "lua", inDirectory: "Fixtures/library")!
        try chain.directory.write("etc/custom/lua/cover.lua", try String(contentsOfFile: cover, encoding: .utf8))
        for (name, text) in templates { try chain.writeTemplate(name, text) }
        try chain.writeScripts(gateway: gateway, "scripts.Test = { file = 'test.lua', greeting = 'hello' }\n\(entries)")
        let scripts = try chain.startScripts()
        try await body(chain, try await scripts.port(), scripts)
        #expect(await scripts.end() == 0)
    }

    /// Runs a script to its end, which fails where a function of the modules was not called.
    private func says(_ script: String, covering modules: [String], gateway: Int = 1) async throws {
        let watch = "local cover = require('cover') " + modules.map { "cover.watch('\($0)')" }.joined(separator: " ")
        try await run("\(watch)\n\(script)\ncover.finish() native.log('info', 'test', 'all is well')\nreturn 42", gateway: gateway) { _, _, program in
            let line = try await program.line(after: 0, what: "the end") { $0.contains("all is well") || ($0.contains("[ERROR]") && $0.contains(".lua:")) }
            #expect(line.contains("all is well"), "\(line)")
        }
    }

    @Test func filesAndDirectories() async throws {
        try await says("""
            local base = os.tmpname()
            os.remove(base)
            assert(tw_dir.mkdir(base .. '/a/b') and tw_dir.isDir(base .. '/a') and not tw_dir.isFile(base .. '/a'))
            local f = io.open(base .. '/a/one.txt', 'w') f:write('hello') f:close()
            assert(tw_dir.isFile(base .. '/a/one.txt') and tw_dir.size(base .. '/a') == 5)
            assert(table.concat(tw_dir.listFiles(base .. '/a'), ',') == 'one.txt' and table.concat(tw_dir.listSubdirs(base .. '/a'), ',') == 'b')
            local info = tw_dir.getFileInfo(base .. '/a/one.txt', true)
            assert(info.name == 'one.txt' and info.size == 5 and info.hash == '5d41402abc4b2a76b9719d911017c592')
            assert(not tw_dir.fileChanged(base .. '/a/one.txt', info))
            local differs, state = tw_dir.directoryFilesChanged(base .. '/a')
            assert(differs and not tw_dir.directoryFilesChanged(base .. '/a', state))
            assert(tw_dir.copy(base .. '/a', base .. '/copy') and tw_dir.isFile(base .. '/copy/one.txt'))
            f = io.open(base .. '/a/one.txt', 'w') f:write('other') f:close()
            assert(tw_dir.fileChanged(base .. '/a/one.txt', info))
            assert(tw_dir.chmod(base .. '/a/one.txt', '600') and tw_dir.getFileInfo(base .. '/a/one.txt').mode == '600')
            assert(tw_dir.move(base .. '/a/one.txt', base .. '/two.txt') and not tw_dir.exists(base .. '/a/one.txt'))
            assert(tw_dir.compressDir(base .. '/all.tgz', base .. '/copy') and tw_dir.mkdir(base .. '/out'))
            assert(tw_dir.decompress(base .. '/all.tgz', base .. '/out') and tw_dir.isFile(base .. '/out/one.txt'))
            assert(not tw_dir.waitForFile(base .. '/never', 20) and tw_dir.waitForFile(base .. '/two.txt', 20))
            local gone, why = tw_dir.size(base .. '/never')
            assert(gone == nil and why == 'No such file or directory')
            assert(tw_dir.compressFile(base .. '/two.txt') and tw_dir.isFile(base .. '/two.txt.gz') and tw_dir.mkdir(base .. '/sub'))
            assert(tw_dir.compressFiles(base .. '/some.tgz', base, { 'two.txt' }) and tw_dir.size(base .. '/some.tgz') > 0)
            assert(tw_dir.directorySubdirsChanged(base, { sub = 1 }) and tw_dir.dwell(base .. '/two.txt', 20).size == 5)
            assert(tw_dir.dwell(base .. '/never', 20) == nil and tw_dir.listFiles(base .. '/never') == nil)
            assert(tw_dir.unixPath([[a\\b\\c]]) == 'a/b/c' and tw_dir.fixPath('a//b') == 'a/b' and ps_dir == tw_dir)
            assert(tw_dir.remove(base) and not tw_dir.exists(base) and #tw_dir.pwd() > 1)
            """, covering: ["tw_dir"])
    }

    @Test func tablesTextsAndCiphers() async throws {
        try await says("""
            local t = { b = { 1, 2 }, a = 'x' }
            local copy = table.fullCopy(t)
            copy.b[1] = 9
            assert(t.b[1] == 1 and table.sparseCopy(t).b == t.b and table.containsKey(t, 'a') and table.containsValue(t, 'x'))
            local keys = {}
            for key in orderedPairs(t) do keys[#keys + 1] = key end
            assert(table.concat(keys) == 'ab' and table.toFlatTable({ a = { b = 1 } })['a.b'] == 1)
            assert(table.toXml({ a = '<&>' }, 'r') == '<r><a>&lt;&amp;&gt;</a></r>')
            local rows = table.fromCsv('a,b\\n1,"x ""y"", z"\\n')
            assert(#rows == 1 and rows[1].a == '1' and rows[1].b == 'x "y", z')
            assert(table.toCsv(rows) == 'a,b\\n1,"x ""y"", z"\\n')
            assert(table.toContentTypeString({ 1 }, 'application/json') == '[1]' and string.find(table.toHtml({ k = 'v<' }), 'v&lt;', 1, true))
            assert(('a;b;c'):split(';')[3] == 'c')
            assert(#stringx.stringToTable('a,,b') == 3 and table.toString({ a = { 1 } }):find('a = {', 1, true))
            local sealed = tw_utils.aes_encrypt('secret', true, 'key')
            assert(sealed ~= 'secret' and tw_utils.aes_decrypt(sealed, true, 'key') == 'secret' and tw_utils.aes_decrypt(sealed, true, 'other') == nil)
            assert(tw_utils.calculateCRC16('123456789') == 0x4B37)
            local group = require('propGroups').getGroup({ ['m.a'] = { group = 'x' }, m_b = {}, mx = {} }, 'm')
            assert(group['m.a'] and group.m_b and not group.mx)
            local code, headers, html = require('page').new('T<'):addTable({ { 'k' }, { 'v<' } }, true):addList({ 'i' }):success()
            assert(code == 200 and headers['Content-Type']:find('text/html') and html:find('<td>v&lt;</td>', 1, true) and html:find('T&lt;', 1, true))
            local rendered = page.new('t'):addHeadContent('<meta name=x>'):addContent('<b>y</b>'):render()
            assert(rendered:find('<meta name=x>', 1, true) and rendered:find('<b>y</b>', 1, true) and page.escape('<') == '&lt;')
            assert(select(1, require('page').redirect('/x')) == 302 and select(1, require('page').error(404, 'no')) == 404)
            local job = require('softwarejob').new('j', { function() return true end, function() return false, 'broken' end })
            assert(job:next_step() == true)
            local more, why = job:next_step()
            assert(more == false and why == 'broken' and job.state == 'FAILED')
            local ok, said = tw_service.start('no such; service')
            assert(ok == false and said:find("expected a service's name", 1, true))
            assert(tw_service.stop('') == false and tw_service.waitForState('no-such-service-here', 'active', 0.1) == false)
            """, covering: ["tablex", "stringx", "propGroups", "page", "softwarejob", "tw_service"])
    }

    @Test("lsr 9: scripts at run time: added, asked, changed, ended") func scriptsOfScripts() async throws {
        try await says("""
            local child = "tw_http.registerCallback('/x', function(method, path, headers, query, data) return 200, {}, p_data.word .. ' ' .. method end)"
              .. " while p_data.run do tw_utils.psleep(20) end return 'the end', 7"
            assert(tw_script.addScript('Child', 'child', child, 0, { word = 'one' }))
            local again, why = tw_script.addScript('Child', 'child', child)
            assert(again == nil and why == 'there is a script Child already')
            repeat tw_utils.psleep(10) until tw_script.getStatus('Child') == 'Running'
            local function ask() return select(3, tw_script.executeCallback('Child', 'GET', { 'x' })) end
            repeat tw_utils.psleep(10) until ask() == 'one GET'
            assert(tw_script.getFilename('Child') == 'child' and tw_script.getProperty('Child', 'word') == 'one')
            assert(tw_script.setProperties('Child', { word = 'two' }) and tw_script.getProperties('Child').word == 'two')
            repeat tw_utils.psleep(10) until ask() == 'two GET'
            assert(tw_script.getProperty('Test', 'greeting') == 'hello')
            assert(tw_script.addScript('Short', nil, "return 'result', { a = 1 }"))
            repeat tw_utils.psleep(10) until tw_script.getStatus('Short') == 'Finished'
            local text, value = tw_script.getResult('Short')
            assert(text == 'result' and value.a == 1)
            tw_script.cleanupFinishedScripts()
            repeat tw_utils.psleep(10) until tw_script.getStatus('Short') == nil
            assert(tw_script.updateScript('Child', "while p_data.run do tw_utils.psleep(20) end"))
            repeat tw_utils.psleep(10) until tw_script.getStatus('Child') == 'Running'
            assert(tw_script.removeScript('Child'))
            repeat tw_utils.psleep(10) until tw_script.getStatus('Child') == nil
            assert(tw_script.getScriptList().Test == 'Running' and tw_script.getStatus('Nobody') == nil)
            local file = os.tmpname()
            local handle = io.open(file, 'w') handle:write('return 7') handle:close()
            assert(tw_script.loadScriptFromFile('Loaded', file, 1000) and tw_script.loadScriptFromFile('None', file .. '.none') == nil)
            repeat tw_utils.psleep(10) until tw_script.getStatus('Loaded') == 'Finished'
            assert(tw_script.getResult('Loaded') == 7 and os.remove(file) and not pcall(tw_script.removeScript, 'Test'))
            assert(tw_script.addScript('Timed', nil, "while p_data.run do tw_utils.psleep(20) end", 50))
            repeat tw_utils.psleep(10) until tw_script.getStatus('Timed') == 'Stopped'
            """, covering: ["tw_script"])
    }

    @Test func timesEncodingsAndTheLog() async throws {
        try await says("""
            for level in ('trace debug info warn error audit force'):gmatch('%S+') do log[level]('area', 'a %d of %s', 1, level) end
            log.info('only text') log.info('area', 'no number: %d', 'x') log.info('area', '%s %s', nil, {})
            assert(json.decode(json.encode({ 1, { a = json.null }, json.array() }))[2].a == json.null() and json.encodeString('a"b') == '"a\\\\"b"')
            assert(json.isArray({ 1 }) and not json.isArray({ a = 1 }) and json.isEncodable({}) and not json.isEncodable(print) and tostring(json.null) == 'null')
            local now = tw_utils.currentTime()
            assert(math.abs(tw_utils.datetimeToLuaTime(now) - os.time()) < 2)
            assert(tw_utils.datetimeToString(62135596800000 + 86400000 + 7, '%Y-%m-%d', true) == '1970-01-02')
            assert(tw_utils.datetimeToString(62135596800007, nil, true, true) == '1970-01-01 00:00:00,007')
            tw_utils.psleep(5)
            assert(tw_utils.currentTime() > now and tw_utils.host_os() == 'linux' and tw_utils.isWindows() == false)
            local copy = tw_utils.deserializeTable(tw_utils.serializeTable({ a = { 1.5, true, 'x\\n' }, [3] = false }))
            assert(copy.a[1] == 1.5 and copy.a[3] == 'x\\n' and copy[3] == false)
            assert(tw_utils.deserializeTable('os.exit(1)') == nil and tw_utils.deserializeTable('{') == nil)
            assert(tw_utils.base64_encode('\\0\\255') == 'AP8=' and tw_utils.base64_decode('AP8=') == '\\0\\255' and tw_utils.base64_decode('?') == nil)
            assert(tw_utils.aes_decrypt(tw_utils.aes_encrypt('x', false, 'k'), false, 'k') == 'x' and not pcall(tw_utils.aes_encrypt, 'x'))
            assert(tw_utils.calculateCRC16('123456789') == 0x4B37)
            assert(tw_utils.uri_encode('a b/é') == 'a%20b%2F%C3%A9' and tw_utils.uri_decode('a+b%2F') == 'a b/')
            assert(tw_utils.EMS_SVC_PATH('T 1', 'S') == '/Thingworx/Things/T%201/Services/S' and tw_utils.EMS_EVENT_PATH('*id', 'E') == '/Thingworx/Things/*id/Events/E')
            assert(tw_utils.EMS_PROP_PATH('T') == '/Thingworx/Things/T/Properties' and tw_utils.EMS_PROPS_VTQ_PATH('T'):find('UpdateSubscribedPropertyValues'))
            assert(tw_utils.REQ_HEADERS('h', nil, { X = 1 }).X == 1 and tw_utils.REQ_HEADERS('h').Host == 'h' and tw_utils.RESP_HEADERS('text/plain')['Content-Type'] == 'text/plain')
            assert(tw_utils.toString({ 1 }) == '[1]' and tw_utils.toString(true) == 'true')
            assert(tw_utils.toboolean('TRUE') and tw_utils.toboolean(2) and not tw_utils.toboolean('no') and not tw_utils.toboolean(nil))
            assert(tw_utils.toVTQ(1, 2).time == 2 and tw_utils.toVariantVTQ('NUMBER', 1).value.baseType == 'NUMBER' and json.decode(tw_utils.toJsonVTQ(1)).quality == 'GOOD')
            local shape = tw_datashape.createDataShape('n', 'INTEGER', 'first', {}):addField('s', 'STRING', '', { defaultValue = 'd' }):addField { name = 'n', baseType = 'NUMBER' }
            assert(#shape.fields == 2 and shape:clone():toTable().fieldDefinitions.n.baseType == 'NUMBER' and not pcall(shape.addField, shape))
            local it = tw_infotable.createInfoTable(shape)
            assert(it:addRow { n = '5' } and it:getRow(1).s == 'd' and it.n == 5 and it[1].n == 5 and it:getRowCount() == 1)
            local ok, why = it:addRow { n = 'x' }
            assert(not ok and why == 'n: cannot convert x to NUMBER' and not it:addRow(3) and not pcall(tw_infotable.createInfoTable, {}))
            assert(json.decode(it:toJson()).rows[1].n == 5 and json.decode(tw_utils.toJsonInfotable(it)).rows[1].s == 'd' and it:toTable().dataShape)
            assert(tw_datashape.new():toTable().fieldDefinitions)
            assert(tw_utils.isJson('{}') and not tw_utils.isJson('{') and not tw_utils.isJson(nil))
            ok, why = tw_utils.encodeData({ 1 })
            assert(ok and why == '[1]' and select(2, tw_utils.encodeData(nil)) == '' and tw_utils.encodeData(print) == false)
            assert(tw_utils.parseQueryParams('?a=1&b=x%20y&c').b == 'x y')
            assert(tw_utils.evaluateChange { value = 2, lastPushed = 1, pushThreshold = 0.5 } and not tw_utils.evaluateChange { value = 2, lastPushed = 1.9, pushThreshold = 0.5 })
            assert(tw_utils.scopelock(function(a) return a + 1 end, 1) == 2 and not pcall(tw_utils.scopelock, error) and tw_utils.memory() > 1000)
            tw_mutex.lock() tw_mutex.lock() tw_mutex.unlock()
            assert(ps_utils == tw_utils and ps_rap == tw_ems and tw_rap == tw_ems and tw_server == server and ps_mutex == tw_mutex and ps_script == tw_script)
            for _, name in ipairs { 'json', 'log', 'utils', 'template', 'server', 'handler', 'shape', 'core', 'page', 'stringx', 'tablex', 'propGroups', 'modbus', 'types.datashape', 'ps_library' } do
              assert(require(name), name)
            end
            assert(require('socket').gettime() > 0 and bit.band(6, 3) == 2)
            """, covering: ["log", "json", "tw_utils", "tw_datashape", "tw_infotable", "tw_mutex"])
    }

    @Test func theGatewayAndOtherServers() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let gateway = try await HTTPServer.start(HTTPServer.Configuration(), on: loop, logger: .init(label: "gateway")) { request in
            var echo: JSONObject = ["method": .string(request.method.rawValue), "path": .string("/" + request.path.joined(separator: "/")), "body": .string(String(buffer: request.body))]
            for item in request.query { echo[item.name] = .string(item.value) }
            if request.path.last == "isConnected" { return loop.makeSucceededFuture(.json(ByteBuffer(string: #"{"rows":[{"isConnected":true}]}"#))) }
            let status: HTTPResponseStatus = request.path.last == "refused" ? .forbidden : .ok
            return loop.makeSucceededFuture(.json(ByteBuffer(string: JSONValue.object(echo).description), status: status))
        }
        try await says("""
            local function echo(text) return json.decode(text) end
            local response, code = tw_ems.get('/Thingworx/x')
            assert(code == 200 and echo(response).method == 'GET' and echo((tw_ems.put('/x', { a = 1 }))).body == '{"a":1}')
            assert(echo((tw_ems.post('/x', 'text'))).body == 'text' and echo((tw_ems.delete('/x'))).method == 'DELETE')
            local function path(code, response) assert(code == 200) return echo(response).method .. ' ' .. echo(response).path end
            assert(path(server.get('/a')) == 'GET /a' and path(server.put('/a', 'b')) == 'PUT /a' and path(server.post('/a')) == 'POST /a' and path(server.delete('/a')) == 'DELETE /a')
            assert(path(server.invoke('S', { x = 1 })) == 'POST /Thingworx/Things/Test/Services/S' and path(server.invoke('S', nil, 'Other')) == 'POST /Thingworx/Things/Other/Services/S')
            assert(path(server.invokeLocalEms('S')) == path(server.invokeChannel('S')) and path(server.invokeChannel('S')) == 'POST /Thingworx/Things/LocalEms/Services/S')
            assert(path(server.fireEvent('E', {}, { name = 'Table' })) == 'POST /Thingworx/Things/Table/Events/E' and path(server.getProperty('p')) == 'GET /Thingworx/Things/Test/Properties/p')
            local _, set = server.setProperty('p', 5)
            assert(echo(set).body == '{"p":5}' and path(server.setProperty({ name = 'q', value = 1 })) == 'PUT /Thingworx/Things/Test/Properties/q')
            _, set = server.setProperties({ { name = 'p', baseType = 'NUMBER', value = 5, time = 1000 } }, 'T')
            local row = echo(echo(set).body).values.rows[1]
            assert(row.value.value == 5 and row.value.baseType == 'NUMBER' and row.time == 1000 and row.quality == 'GOOD')
            assert(server.available and server.online and server.get('/refused') == 403 and server.available and server.online)
            local place = '127.0.0.1'
            local text, status, headers = tw_http.get(place, \(gateway.port), '/h', { Accept = 'x' }, { q = 'a b' })
            assert(status == 200 and echo(text).q == 'a b' and headers['Content-Type'] == 'application/json')
            assert(echo((tw_http.post(place, \(gateway.port), 'h', { 1 }))).body == '[1]' and echo((tw_http.put(place, '\(gateway.port)', '/h', 'x'))).method == 'PUT')
            assert(echo((tw_http.delete(place, \(gateway.port), '/h', nil, 'z=1'))).z == '1')
            local none, gone, nothing, why = tw_http.get(place, 1, '/')
            assert(none == nil and gone == 503 and nothing == nil and why)
            for _, name in ipairs { 'getSsl', 'postSsl', 'putSsl', 'deleteSsl' } do assert(select(2, tw_http[name](place, \(gateway.port), '/')) == 503) end
            for _, bad in ipairs { { place, 0, '/' }, { place, 1, '/a b' }, { place, 1, '/', { ['X Y'] = 1 } }, { place, 1, '/', { X = 'a\\r\\nb' } } } do assert(not pcall(tw_http.get, unpack(bad))) end
            tw_http.registerCallback('/a/b', function() return 200 end)
            assert(tw_http.find({ 'a', 'b', 'c' }) and not tw_http.find({ 'a' }) and not pcall(tw_http.registerCallback, '/x', 5))
            """, covering: ["tw_ems", "server", "tw_http"], gateway: gateway.port)
        await gateway.stop()
    }

    @Test("a meter by Modbus: registers, coils and exceptions") func modbus() async throws {
        let chain = try Chain()
        let meter = try Program("/usr/bin/python3", [ExampleThingTests.directory.appending(path: "slave").path], in: chain.directory.path)
        try await says("""
            local modbus = require('modbus')
            local meter = modbus.new { host = '127.0.0.1', port = \(try await meter.port()), unit = 3 }
            local values = assert(meter:executeFunction(3, 10, 2))
            assert(values[1] == 2301 and values[2] == 499)
            assert(meter:executeFunction(6, 20, 4711) and meter:executeFunction(4, 20, 1)[1] == 4711)
            assert(meter:executeFunction(16, 30, { 1, 2, 65535 }) and meter:executeFunction(3, 30, 3)[3] == 65535)
            assert(meter:executeFunction(5, 5, true) and meter:executeFunction(15, 7, { true, false, true }))
            local coils = meter:executeFunction(1, 5, 5)
            assert(coils[1] and not coils[2] and coils[3] and not coils[4] and coils[5] and #coils == 5)
            local none, why = meter:executeFunction(3, 99, 2)
            assert(none == nil and why == 'illegal data address')
            meter:set_read_timeout(500)
            meter:close()
            meter = modbus.new { host = '127.0.0.1', port = 1 }
            none, why = meter:executeFunction(3, 0, 1)
            assert(none == nil and why == 'connection refused')
            """, covering: ["modbus"])
        await meter.end()
    }

    @Test("handlers http and generator") func handlers() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let device = try await HTTPServer.start(HTTPServer.Configuration(), on: loop, logger: .init(label: "device")) { request in
            let body = request.method == .PUT ? "" : request.path == ["vtq"] ? #"{"value": 21.5, "time": 1000, "quality": "UNCERTAIN"}"# : "7"
            return loop.makeSucceededFuture(HTTPResponse(request.path == ["none"] ? .notFound : .ok, body: ByteBuffer(string: body)))
        }
        let place = "127.0.0.1:\(device.port)"
        try await run("return 1", entries: "scripts.T1 = { file = 'thing.lua', template = 'values', register = false, scanRate = 60 , scanRateResolution = 20, taskRate = 50 }", templates: ["values": """
            properties.bare = { baseType = "NUMBER", handler = "http", key = "\(place)/bare" }
            properties.vtq = { baseType = "NUMBER", handler = "http", key = "\(place)/vtq" }
            properties.none = { baseType = "NUMBER", handler = "http", key = "\(place)/none" }
            properties.wave = { baseType = "NUMBER", handler = "generator", key = "sine?min=10&max=20&period=1000" }
            properties.switch = { baseType = "BOOLEAN", handler = "generator", key = "toggle?period=100" }
            properties.odd = { baseType = "NUMBER", handler = "generator", key = "noise" }
            """]) { chain, port, program in
            let local = try chain.local(port)
            func value(_ name: String) async throws -> (Int, JSONValue) {
                let (status, json) = try await local.send(.GET, "/scripts/Thingworx/T1/Properties/\(name)")
                return (status, json["rows"]?[0]?[name] ?? json)
            }
            var bare = try await value("bare")
            while bare.0 == 503 || bare.0 == 404 { bare = try await value("bare") }
            let (vtq, none, wave, odd) = (try await value("vtq"), try await value("none"), try await value("wave"), try await value("odd"))
            #expect(bare.1.int == 7 && vtq.1.double == 21.5 && none.0 == 404 && odd.0 == 500)
            #expect(wave.1.double.map { (10...20).contains($0) } == true)
            let put = try await local.send(.PUT, "/scripts/Thingworx/T1/Properties/bare", body: ["bare": 8])
            #expect(put.status == 200)
            let generated = try await local.send(.PUT, "/scripts/Thingworx/T1/Properties/wave", body: ["wave": 8])
            #expect(generated.status == 405)
        }
        await device.stop()
    }
}
