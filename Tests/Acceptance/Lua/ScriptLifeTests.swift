import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// What scripts keep, what becomes of those that do not pause, and of the programs that they start.
@Suite(.serialized) struct ScriptLifeTests {
    @Test func keptValuesSurviveAKillAndABrokenFileIsSetAside() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/scripts/count.lua",
            """
            p_data.persist = { "starts", "deep" }
            p_data.starts = (p_data.starts or 0) + 1
            p_data.deep = { list = { 1, 2.5 }, text = "é\\n", raw = "\\255\\0", on = true }
            p_data.other = "not kept"
            tw_http.registerCallback("/", function()
              return 200, {}, json.encode { starts = p_data.starts, raw = #p_data.deep.raw, byte = string.byte(p_data.deep.raw), configured = p_data.configured }
            end)
            tw_utils.psleep(1)
            log.info("count", "kept")
            while p_data.run do tw_utils.psleep(1000) end
            """)
        try chain.writeScripts(gateway: 1, "scripts.count = { file = 'count.lua', configured = 5 }")
        for run in 1...2 {
            let scripts = try chain.startScripts()
            let client = try chain.local(try await scripts.port())
            try await scripts.line(containing: "count: kept")
            let answer = try await client.call(.GET, "/scripts/count/")
            #expect(answer["starts"]?.int == run && answer["raw"]?.int == 2 && answer["byte"]?.int == 255 && answer["configured"]?.int == 5)
            scripts.signal(SIGKILL)
            _ = await scripts.exitStatus()
        }
        let file = chain.directory.path("etc/config.lua.p_data")
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        let kept = try JSONValue(parsing: try chain.directory.read("etc/config.lua.p_data"))
        #expect(kept["count"]?["deep"]?["list"] == [1, 2.5] && kept["count"]?["other"] == nil)
        try chain.directory.write("etc/config.lua.p_data", "{ broken")
        let scripts = try chain.startScripts()
        try await scripts.line(containing: "is set aside as etc/config.lua.p_data.unreadable")
        try await scripts.line(containing: "count: kept")
        #expect(try chain.directory.read("etc/config.lua.p_data.unreadable") == "{ broken")
        #expect(await scripts.end() == 0)
    }

    @Test func whatDoesNotPauseIsToldWithItsPlace() async throws {
        let chain = try Chain()
        try chain.directory.write("etc/custom/scripts/loop.lua", "jit.off()\nlocal function spin()\n  while p_data.run do end\nend\nspin()")
        try chain.directory.write("etc/custom/scripts/wait.lua", "io.popen('sleep 30'):read('*a')")
        try chain.directory.write("etc/custom/scripts/fair.lua", "while p_data.run do tw_utils.psleep(10) end")
        try chain.writeScripts(
            gateway: 1,
            """
            scripts.Loop = { file = 'loop.lua', requestTimeout = 500 }
            scripts.Wait = { file = 'wait.lua', requestTimeout = 500 }
            scripts.Fair = { file = 'fair.lua', requestTimeout = 500 }
            """)
        let scripts = try chain.startScripts()
        // The thread sanitizer keeps signals back from code that calls nothing.
        let isInstrumented = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "__tsan_init") != nil
        try await scripts.line(
            containing: isInstrumented
                ? "Loop: has run for more than 500 ms"
                : "Loop: has run for more than 500 ms without a pause; it is at etc/custom/scripts/loop.lua:3: in function 'spin', called from etc/custom/scripts/loop.lua:5"
        )
        try await scripts.line(
            containing: "Wait: has run for more than 500 ms without a pause; it is in compiled code or waits for the system")
        #expect(!scripts.output.contains("Fair: has run"))
        #expect(await scripts.end() == 0)
    }

    @Test func programsThatAScriptStartsCanBeEnded() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/scripts/child.lua",
            """
            for _, name in ipairs({ "TERM", "INT", "HUP" }) do
              log.info("child", "%s:%s.", name, io.popen("sh -c 'kill -" .. name .. " $$; echo survived' 2>/dev/null"):read("*a"))
            end
            """)
        try chain.writeScripts(gateway: 1, "scripts.child = { file = 'child.lua' }")
        let scripts = try chain.startScripts()
        try await scripts.line(containing: "HUP:")
        #expect(!scripts.output.contains("survived"), "\(scripts.output)")
        #expect(await scripts.end() == 0)
    }

    @Test func scriptsThatAreGoneLeaveNothingBehind() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/scripts/churn.lua",
            """
            local function resident()
              for line in io.lines("/proc/self/status") do
                local kilobytes = string.match(line, "^VmRSS:%s*(%d+)")
                if kilobytes then return tonumber(kilobytes) end
              end
            end
            local function churn(count)
              for i = 1, count do
                assert(select(2, tw_script.addScript("Child", nil, "tw_http.registerCallback('/x', function() return 200 end) while p_data.run do tw_utils.psleep(5) end")) == 0)
                repeat tw_utils.psleep(1) until tw_script.getStatus("Child") == "Running"
                tw_script.removeScript("Child")
                repeat tw_utils.psleep(1) until tw_script.getScriptList().Child == nil
              end
            end
            churn(100)
            local before = resident()
            churn(200)
            log.info("churn", "grew by %d KiB.", resident() - before)
            """)
        try chain.writeScripts(gateway: 1, "scripts.churn = { file = 'churn.lua' }")
        let scripts = try chain.startScripts()
        let line = try await scripts.line(containing: "grew by")
        let grown = line.firstMatch(of: /grew by (-?\d+) KiB/).flatMap { Int($0.1) }
        // Each state takes some 80 KiB.
        #expect(grown.map { $0 < 4000 } == true, "\(line)")
        #expect(await scripts.end() == 0)
    }

    @Test("scripts are controlled by HTTP, and one that fails is started anew") func control() async throws {
        let loop =
            "tw_http.registerCallback('/echo', function() return 200, { ['X-Bad'] = 'a\\r\\nSet-Cookie: b', ['X-Good'] = 'c' }, 'x' end) while p_data.run do tw_utils.psleep(20) end"
        let chain = try Chain()
        try chain.directory.write("etc/custom/scripts/test.lua", loop)
        try chain.writeScripts(gateway: 1, "scripts.Test = { file = 'test.lua' }\nscripts.Broken = { file = 'broken.lua' }")
        let program = try chain.startScripts()
        let port = try await program.port()
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
        #expect(await program.end() == 0)
    }
}
