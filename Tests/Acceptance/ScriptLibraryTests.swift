import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOPosix
import TestKit
import Testing

/// The Lua modules and handlers that users' templates call.
@Suite struct ScriptLibraryTests {
    /// A script resource without a gateway, running one plain script; a failed assertion ends the script with its line.
    private func run(_ script: String, entries: String = "", templates: [String: String] = [:], _ body: (Chain, Int, Program) async throws -> Void) async throws {
        let chain = try Chain()
        try chain.directory.write("etc/custom/scripts/test.lua", script)
        for (name, text) in templates { try chain.writeTemplate(name, text) }
        try chain.writeScripts(gateway: 1, "scripts.Test = { file = 'test.lua', greeting = 'hello' }\n\(entries)")
        let scripts = try chain.startScripts()
        try await body(chain, try await scripts.port(), scripts)
        #expect(await scripts.end() == 0)
    }

    /// What the script says at its end.
    private func says(_ script: String) async throws {
        try await run("\(script)\nlog.info('test', 'all is well')\nreturn 42") { _, _, program in
            let line = try await program.line(after: 0, what: "the end") { $0.contains("all is well") || $0.contains("[ERROR]") }
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
            assert(tw_dir.unixPath([[a\\b\\c]]) == 'a/b/c' and tw_dir.fixPath('a//b') == 'a/b' and ps_dir == tw_dir)
            assert(tw_dir.remove(base) and not tw_dir.exists(base) and #tw_dir.pwd() > 1)
            """)
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
            local sealed = tw_utils.aes_encrypt('secret', true, 'key')
            assert(sealed ~= 'secret' and tw_utils.aes_decrypt(sealed, true, 'key') == 'secret' and tw_utils.aes_decrypt(sealed, true, 'other') == nil)
            assert(tw_utils.calculateCRC16('123456789') == 0x4B37)
            local group = require('propGroups').getGroup({ ['m.a'] = { group = 'x' }, m_b = {}, mx = {} }, 'm')
            assert(group['m.a'] and group.m_b and not group.mx)
            local code, headers, html = require('page').new('T<'):addTable({ { 'k' }, { 'v<' } }, true):addList({ 'i' }):success()
            assert(code == 200 and headers['Content-Type']:find('text/html') and html:find('<td>v&lt;</td>', 1, true) and html:find('T&lt;', 1, true))
            assert(select(1, require('page').redirect('/x')) == 302 and select(1, require('page').error(404, 'no')) == 404)
            local job = require('softwarejob').new('j', { function() return true end, function() return false, 'broken' end })
            assert(job:next_step() == true)
            local more, why = job:next_step()
            assert(more == false and why == 'broken' and job.state == 'FAILED')
            local ok, said = tw_service.start('no such; service')
            assert(ok == false and said:find("expected a service's name", 1, true))
            """)
    }

    @Test("scripts at run time: added, asked, changed, ended") func scriptsOfScripts() async throws {
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
            assert(tw_script.addScript('Timed', nil, "while p_data.run do tw_utils.psleep(20) end", 50))
            repeat tw_utils.psleep(10) until tw_script.getStatus('Timed') == 'Stopped'
            """)
    }

    @Test("a meter by Modbus: registers, coils and exceptions") func modbus() async throws {
        let chain = try Chain()
        let script = Bundle.module.path(forResource: "modbus", ofType: "py", inDirectory: "Fixtures")!
        let meter = try Program("/usr/bin/python3", [script], in: chain.directory.path)
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
            meter:close()
            meter = modbus.new { host = '127.0.0.1', port = 1 }
            none, why = meter:executeFunction(3, 0, 1)
            assert(none == nil and why == 'connection refused')
            """)
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

    @Test("scripts are controlled by HTTP, and one that fails is started anew") func control() async throws {
        let loop = "tw_http.registerCallback('/echo', function() return 200, { ['X-Bad'] = 'a\\r\\nSet-Cookie: b', ['X-Good'] = 'c' }, 'x' end) while p_data.run do tw_utils.psleep(20) end"
        try await run(loop, entries: "scripts.Broken = { file = 'broken.lua' }") { chain, port, program in
            try await program.line(containing: "broken.lua: not found")
            try await program.line(containing: "Broken: started anew in 5 s")
            let url = "http://127.0.0.1:\(port)/scripts"
            let page = try await Curl("-H", "Accept: text/html", url)
            #expect(page.body.contains("<td>Broken</td>") && page.body.contains("broken.lua: not found"))
            var status = try await Curl("\(url)/Test?status")
            while !status.body.contains("Running") { status = try await Curl("\(url)/Test?status") }
            // A line break in a header's value does not get out.
            let echo = try await Curl("\(url)/Test/echo")
            #expect(echo.status == 200 && echo.headers["x-good"] == "c" && echo.headers["set-cookie"] == nil && echo.headers["x-bad"] == nil)
            let twice = try await Curl("-X", "POST", "\(url)/Test/start")
            #expect(twice.status == 409)
            let stopped = try await Curl("-X", "POST", "\(url)/Test/stop")
            #expect(stopped.status == 200 && stopped.body.contains("Stopped"))
            let started = try await Curl("-X", "POST", "\(url)/Test/restart")
            #expect(started.status == 200)
            var again = try await Curl("\(url)/Test/echo")
            while again.status != 200 { again = try await Curl("\(url)/Test/echo") }
            // What was missing is there: the retry finds it.
            try chain.directory.write("etc/custom/scripts/broken.lua", "log.info('x', 'mended') return 1")
            try await program.line(containing: "mended")
        }
    }
}
