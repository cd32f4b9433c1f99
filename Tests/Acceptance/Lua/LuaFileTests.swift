import Formats
import Foundation
import TestKit
import Testing

/// Files, directories and archives (lua-library.md §6.9), also those that are meant to harm.
@Suite(.serialized) struct LuaFileTests {
    @Test("lsr 48, 49: files and directories") func filesAndDirectories() async throws {
        try await LuaHost.holds(
            #"""
            local base = os.tmpname()
            os.remove(base)
            local function write(name, text) local f = assert(io.open(base .. "/" .. name, "w")) f:write(text) f:close() end
            assert(tw_dir.mkdir(base .. "/a/b") == 0 and tw_dir.isDir(base .. "/a") and not tw_dir.isFile(base .. "/a"))
            write("a/f", "hello")
            local list = tw_dir.listFiles(base .. "/a")
            assert(list.f.size == 5 and list.f.isFile and not list.f.isDir and list.f.readOnly == false and list.f.md5 == nil and list.b == nil and tw_dir.listSubdirs(base .. "/a").b.isDir)
            assert(not pcall(tw_dir.listFiles, base .. "/none") and not pcall(tw_dir.listSubdirs, base .. "/none"))
            assert(tw_dir.getFileInfo("nope") == nil and tw_dir.getFileInfo(nil) == nil and tw_dir.getFileInfo(base .. "/a/f", true).md5 == "5d41402abc4b2a76b9719d911017c592")
            local info, code = tw_dir.fileChanged(base .. "/a/f")
            assert(info.size == 5 and code == 1 and select(2, tw_dir.fileChanged(base .. "/a/f", info)) == 0)
            write("a/f", "longer text")
            local now, changed = tw_dir.fileChanged(base .. "/a/f", info)
            assert(changed == 1 and now.size == 11)
            os.remove(base .. "/a/f")
            now, changed = tw_dir.fileChanged(base .. "/a/f", info)
            assert(now == nil and changed == -1)
            write("a/f", "hello")
            local differs, state = tw_dir.directoryFilesChanged(base .. "/a")
            assert(differs and state.f and not tw_dir.directoryFilesChanged(base .. "/a", state))
            os.remove(base .. "/a/f")
            assert(not tw_dir.directoryFilesChanged(base .. "/a", state) and tw_dir.directoryFilesChanged(base .. "/a", state, true))
            assert(tw_dir.directorySubdirsChanged(base, {}) and not tw_dir.directorySubdirsChanged(base, tw_dir.listSubdirs(base), true))
            write("a/with blank", "x")
            assert(tw_dir.copy(base .. "/a/with blank", base .. "/two words") == 0 and tw_dir.move(base .. "/two words", base .. "/three words here") == 0 and tw_dir.size(base .. "/three words here") == 1)
            assert(tw_dir.copy(base .. "/a", base .. "/copy") == 0 and tw_dir.isFile(base .. "/copy/with blank") and tw_dir.copy(base .. "/three words here", base .. "/copy") == 0 and tw_dir.exists(base .. "/copy/three words here"))
            assert(tw_dir.copy("nope", "x") ~= 0 and tw_dir.move() == nil and tw_dir.copy() == nil and tw_dir.mkdir() == nil and tw_dir.remove() == nil and tw_dir.move("nope", base .. "/x") == 2)
            assert(tw_dir.copy(base .. "/a", base .. "/a/inner") ~= 0 and not tw_dir.exists(base .. "/a/inner"))
            assert(tw_dir.remove(base .. "/never") == 0 and tw_dir.size(base .. "/never") == nil and tw_dir.size(nil) == nil)
            assert(tw_dir.chmod(base .. "/copy/with blank", "500") == 0 and tw_dir.chmod(base .. "/copy/with blank", "u+w,go=r") == 0 and tw_dir.chmod(base .. "/none", "644") ~= 0 and tw_dir.chmod(base) == nil and tw_dir.chmod(base, "u+q") ~= 0)
            assert(io.popen("stat -c %a '" .. base .. "/copy/with blank'"):read("*a") == "744\n")
            assert(not tw_dir.waitForFile(base .. "/never", 20) and tw_dir.waitForFile(base .. "/three words here", 20))
            assert(tw_dir.dwell(base .. "/three words here").size == 1 and tw_dir.dwell(base .. "/never", 20) == nil)
            assert(tw_dir.calculateMD5(base .. "/three words here") == "9dd4e461268c8034f5c8564e155c67a6" and tw_dir.calculateMD5(base .. "/never") == nil and tw_dir.calculateMD5(nil) == nil)
            assert(tw_dir.unixPath([[a\b]], true) == "a/b/" and tw_dir.fixPath("a//b\\c") == "a/b/c" and tw_dir.fixPath(nil) == "" and ps_dir == tw_dir)
            for _, f in ipairs { "listFiles", "listSubdirs", "getFileInfo", "copy", "move", "mkdir", "size", "exists", "isDir", "isFile", "chmod", "calculateMD5", "decompress" } do pcall(tw_dir[f], {}, {}, {}) pcall(tw_dir[f], 0 / 0, print) pcall(tw_dir[f], ("x"):rep(10000), "a\0b") end
            assert(tw_dir.compressFile("f", base) == "" and tw_dir.compressFiles({}, base) == "" and tw_dir.compressDir("none", base) == "" and tw_dir.decompress(base .. "/none", base) == nil)
            assert(tw_dir.remove(base) == 0 and not tw_dir.exists(base) and #tw_dir.pwd() > 1)
            """#, covering: ["tw_dir"])
    }

    @Test("lsr 50: archives that other programs read") func archives() async throws {
        let directory = try TemporaryDirectory()
        let root = directory.path("")
        try directory.write("d/one.txt", "one")
        try directory.write("d/sub dir/two.txt", String(repeating: "two ", count: 100_000))
        try directory.write("run.sh", "#!/bin/sh\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path("run.sh"))
        try FileManager.default.createSymbolicLink(atPath: directory.path("d/link"), withDestinationPath: "/etc/passwd")
        try await LuaHost.holds(
            #"""
            local root = "\#(root)"
            assert(tw_dir.compressDir("d", root, "o.zip") == "o.zip" and tw_dir.compressFile("run.sh", root) == "run.sh.zip")
            assert(tw_dir.compressFiles(tw_dir.listFiles(root .. "/d"), root .. "/d", root .. "/files.zip") == root .. "/files.zip")
            assert(tw_dir.compressFile("nope", root) == "" and tw_dir.compressFile("../x", root) == "")
            local ok, why = tw_dir.decompress(root .. "/o.zip", root .. "/out")
            assert(ok == true, why)
            assert(tw_dir.calculateMD5(root .. "/out/d/sub dir/two.txt") == tw_dir.calculateMD5(root .. "/d/sub dir/two.txt") and tw_dir.size(root .. "/out/d/one.txt") == 3 and not tw_dir.exists(root .. "/out/d/link"))
            assert(tw_dir.decompress(root .. "/run.sh.zip", root .. "/out") and os.execute("test -x '" .. root .. "/out/run.sh'") == 0)
            local f = io.open(root .. "/broken.zip", "wb") f:write("PK\3\4 this is none") f:close()
            ok, why = tw_dir.decompress(root .. "/broken.zip", root .. "/out2")
            assert(ok == nil and type(why) == "string" and not tw_dir.exists(root .. "/out2"))
            """#)
        let list = try Program("/usr/bin/env", ["unzip", "-l", directory.path("o.zip")], in: root)
        #expect(await list.exitStatus() == 0)
        #expect(list.output.contains("d/one.txt") && list.output.contains("d/sub dir/two.txt") && !list.output.contains("link"))
        let test = try Program("/usr/bin/env", ["unzip", "-t", directory.path("files.zip")], in: root)
        #expect(await test.exitStatus() == 0)
    }

    /// Archives made to get out of their directory, too large ones, and half of one.
    @Test func hostileArchives() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "make.py",
            """
            import zipfile, sys
            def archive(name, *entries):
                with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as z:
                    for entry, text, mode in entries:
                        info = zipfile.ZipInfo(entry)
                        info.external_attr = mode << 16
                        info.compress_type = zipfile.ZIP_DEFLATED
                        z.writestr(info, text)
            archive("up.zip", ("fine.txt", "x", 0o100644), ("../escaped.txt", "x", 0o100644))
            archive("deep.zip", ("a/../../escaped.txt", "x", 0o100644))
            archive("absolute.zip", (sys.argv[1] + "/escaped.txt", "x", 0o100644))
            archive("link.zip", ("l", "..", 0o120777), ("l/escaped.txt", "x", 0o100644))
            archive("device.zip", ("d", "", 0o060666))
            archive("through.zip", ("planted/escaped.txt", "x", 0o100644))
            archive("replaced.zip", ("planted", "x", 0o100644))
            archive("many.zip", *[("many/%05d" % i, "x", 0o100644) for i in range(10000)])
            whole = open("many.zip", "rb").read()
            open("half.zip", "wb").write(whole[:len(whole) // 2])
            with zipfile.ZipFile("flipped.zip", "w", zipfile.ZIP_DEFLATED) as z: z.writestr("f", "abc" * 10000)
            data = bytearray(open("flipped.zip", "rb").read())
            data[40] ^= 0x55
            open("flipped.zip", "wb").write(bytes(data))
            archive("bomb.zip", ("one", "x", 0o100644), ("two", "x", 0o100644))
            bomb = open("bomb.zip", "rb").read().split(b"PK\\x01\\x02")
            bomb[1:] = [entry[:20] + b"\\xf0\\xff\\xff\\xff" + entry[24:] for entry in bomb[1:]]
            open("bomb.zip", "wb").write(b"PK\\x01\\x02".join(bomb))
            """)
        let make = try Program("/usr/bin/python3", ["make.py", directory.path("")], in: directory.path(""))
        #expect(await make.exitStatus() == 0, "\(make.output)")
        try FileManager.default.createDirectory(atPath: directory.path("out"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: directory.path("out/planted"), withDestinationPath: directory.path(""))
        try await LuaHost.holds(
            #"""
            local root = "\#(directory.path(""))"
            for name, text in pairs { up = "leads out", deep = "leads out", absolute = "leads out", link = "neither a file", device = "neither a file", half = "", flipped = "", bomb = "more than" } do
              local ok, why = tw_dir.decompress(root .. "/" .. name .. ".zip", root .. "/out/" .. name)
              assert(ok == nil and type(why) == "string" and why:find(text, 1, true), name .. ": " .. tostring(why))
            end
            local ok, why = tw_dir.decompress(root .. "/through.zip", root .. "/out")
            assert(ok == nil, "through a planted link")
            assert(not tw_dir.exists(root .. "/escaped.txt") and not tw_dir.exists(root .. "/out/escaped.txt"))
            assert(not tw_dir.exists(root .. "/out/up/fine.txt") and not tw_dir.exists(root .. "/out/flipped/f"))
            assert(tw_dir.decompress(root .. "/replaced.zip", root .. "/out") and tw_dir.isFile(root .. "/out/planted") and tw_dir.isDir(root))
            assert(tw_dir.decompress(root .. "/many.zip", root .. "/out"))
            local count = 0
            for _ in pairs(tw_dir.listFiles(root .. "/out/many")) do count = count + 1 end
            assert(count == 10000)
            assert(tw_dir.compressDir("out/many", root, "again.zip") == "again.zip")
            """#)
    }

    @Test("a software update from its archive to its last step") func softwareJob() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "package/update.lua",
            #"""
            steps = { "first", "second", "third" }
            function first(job) seen = job.name .. "\." return true end
            function second(job) return seen == "job." end
            function third(job) return nil, "on purpose" end
            """#)
        try directory.write("bad/update.lua", "steps = 5")
        try await LuaHost.holds(
            #"""
            local root = "\#(directory.path(""))"
            assert(tw_dir.compressFile("update.lua", root .. "/package", root .. "/job.zip") ~= "" and tw_dir.compressFile("update.lua", root .. "/bad", root .. "/bad.zip") ~= "")
            local function job(more)
              local t = { id = 1, name = "job", thing = "T", repository = "R", path = "/some/where/job.zip", script = "update.lua", updateManager = "M", sw_update_abs_dir = root }
              for key, value in pairs(more or {}) do t[key] = value end
              return thingworx.softwarejob.new(t)
            end
            local j = job()
            assert(j.zip_file == "job.zip" and j.current_step == 1 and j.error == "" and j.zip_abs_path == root .. "/job.zip")
            local name, f = j:next_step()
            assert(name == "first" and f(j) == true)
            name, f = j:next_step()
            assert(name == "second" and f(j) == true)
            name, f = j:next_step()
            local ok, why = f(j)
            assert(name == "third" and ok == nil and why == "on purpose" and j:next_step() == nil and select("#", j:next_step()) == 1)
            for _, key in ipairs { "id", "name", "thing", "repository", "path", "script", "updateManager" } do
              local t = { id = 1, name = "n", thing = "T", repository = "R", path = "p", script = "s", updateManager = "M" }
              t[key] = nil
              ok, why = pcall(thingworx.softwarejob.new, t)
              assert(not ok and why:find(key, 1, true))
            end
            assert(not pcall(job, { downloadTime = "soon" }) and not pcall(thingworx.softwarejob.new, 5) and job { installTime = 5 })
            for _, more in ipairs { { path = "none.zip" }, { script = "../x.lua" }, { script = "none.lua" }, { path = "bad.zip" } } do
              local none, text = job(more):next_step()
              assert(none == nil and type(text) == "string" and #text > 5)
            end
            """#, covering: ["softwarejob"])
    }

    @Test("an update by the shape swupdate, told to the update manager") func softwareUpdate() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "package/update.lua", "steps = { 'one' }\nfunction one(job) log.info('job', 'installed %s', job.name) return true end")
        let zip = try Program(
            "/usr/bin/env", ["python3", "-m", "zipfile", "-c", "../job.zip", "update.lua"], in: directory.path("package"))
        #expect(await zip.exitStatus() == 0)
        let gateway = try await StandInGateway()
        let template = "require 'thingworx.shapes.swupdate'\nmodule('templates.tt', thingworx.template.extend)"
        try await LuaHost.run(
            things: ["T": template, "None": template.replacingOccurrences(of: "tt", with: "tnone")],
            settings: ["T": "sw_update_dir = '\(directory.path(""))', \(LuaHost.rates)"], gateway: gateway.port
        ) { host async throws in
            let parameters =
                #"{"id":7,"name":"job","thing":"T","repository":"R","path":"/x/job.zip","script":"update.lua","updateManager":"Manager"}"#
            #expect(try await host.call("TriggerUpdateAction", of: "None", #"{"action":"start","params":\#(parameters)}"#).status == 503)
            #expect(try await host.call("TriggerUpdateAction", of: "T", #"{"action":"jump"}"#).status == 404)
            #expect(try await host.call("TriggerUpdateAction", of: "T", #"{"action":"start","params":{"id":1}}"#).status == 400)
            #expect(try await host.call("TriggerUpdateAction", of: "T", #"{"action":"abort","params":{"id":1}}"#).status == 404)
            let start = try await host.call("TriggerUpdateAction", of: "T", #"{"action":"start","params":\#(parameters)}"#)
            #expect(start.status == 200, "\(start)")
            #expect(try await host.call("TriggerUpdateAction", of: "T", #"{"action":"start","params":\#(parameters)}"#).status == 409)
            @Sendable func states(_ calls: [StandInGateway.Call]) -> [String] {
                calls.filter { $0.path == "/Thingworx/Things/Manager/Services/UpdateState" }.compactMap { $0.body["state"]?.string }
            }
            _ = await gateway.calls { states($0) == ["notified", "waitForDownload"] }
            #expect(try await host.call("ScheduleDownload", of: "T", #"{"time":"soon"}"#).status == 400)
            #expect(try await host.call("ScheduleDownload", of: "T", #"{"time":1}"#).status == 200)
            _ = await gateway.calls { states($0).last == "downloading" && $0.contains { $0.path.hasSuffix("/StartDownload") } }
            #expect(try await host.call("ScheduleInstall", of: "T", #"{"time":1e15}"#).status == 200)
            #expect(try await host.call("TriggerUpdateAction", of: "T", #"{"action":"downloaded","params":{"id":7}}"#).status == 200)
            #expect(try await host.call("Now", of: "T").status == 200)
            let calls = await gateway.calls { $0.contains { $0.path.hasSuffix("/CompleteDeliveryTarget") } }
            #expect(
                states(calls) == [
                    "notified", "waitForDownload", "startDownload", "downloading", "downloaded", "waitForInstall", "installing",
                    "completed",
                ])
            #expect(
                calls.contains { $0.path.hasSuffix("/CompleteDeliveryTarget") && $0.body["success"] == true && $0.body["id"]?.int == 7 })
            // Its line may be read later than the request that followed it.
            try await host.program.line(containing: "installed job")
        }
        await gateway.stop()
    }
}
