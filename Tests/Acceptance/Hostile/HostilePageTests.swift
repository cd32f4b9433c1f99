import Foundation
import TestKit
import Testing

/// What web pages can make a browser send to programs that only its user reaches, and what names can do on pages of ours.
extension Hostile {
    @Suite struct HostilePageTests {
        private static let refusedHeaders: [[String]] = [
            ["-H", "Origin: http://evil.example"], ["-H", "Origin: null"], ["-H", "Host: evil.example"], ["-H", "Host: evil.example:8000"],
            ["-H", "Host: localhost.evil.example"],
            ["-H", "Origin: http://localhost:1"],
        ]

        @Test func pagesReachNoneOfTheThreePrograms() async throws {
            let chain = try Chain()
            try chain.writeModel(things: #"[{"name": "T1"}]"#)
            let platform = try chain.startPlatform()
            let platformPort = try await platform.port()
            try chain.writeGateway(platform: platformPort)
            let gateway = try chain.startGateway()
            let gatewayPort = try await gateway.port()
            try chain.writeTemplate("t", "")
            try chain.writeScripts(gateway: gatewayPort, #"scripts.T1 = { file = "thing.lua", template = "t" }"#)
            let scripts = try chain.startScripts()
            let scriptsPort = try await scripts.port()
            try await scripts.line(containing: "registered with the gateway")
            let before = try chain.directory.read("etc/config.json")
            let requests = [
                [
                    "-X", "POST", "-H", "Content-Type: text/plain", "-d", #"{"config": {"ws_servers": [{"host": "evil.example"}]}}"#,
                    "http://127.0.0.1:\(gatewayPort)/Thingworx/Things/LocalEms/Services/UpdateConfiguration",
                ],
                ["http://127.0.0.1:\(gatewayPort)/Thingworx/Things/T1/Properties/name"],
                ["-X", "POST", "http://127.0.0.1:\(scriptsPort)/scripts/T1/stop"],
                ["http://127.0.0.1:\(scriptsPort)/scripts"],
                ["-H", "appKey: \(Chain.adminKey)", "http://127.0.0.1:\(platformPort)/Thingworx/Things"],
            ]
            for request in requests {
                for headers in HostilePageTests.refusedHeaders {
                    #expect(try await Curl(headers + request).status == 403, "\(headers) \(request)")
                }
            }
            // A browser's WebSocket too.
            #expect(throws: Program.Failure.self) {
                try HostilePeer.edge(port: platformPort, key: nil, headers: "Origin: http://evil.example\r\n")
            }
            // The gateway's own services, by GET, and with a content type that a page may set.
            let local = "http://127.0.0.1:\(gatewayPort)/Thingworx/Things/LocalEms/Services"
            for service in [
                "UpdateConfiguration", "ReplaceConfiguration", "ReloadConfiguration", "Restart", "StartFileLogging", "StopFileLogging",
            ] {
                #expect(try await Curl("\(local)/\(service)?method=POST").status == 405, "\(service)")
                #expect(
                    try await Curl("-X", "POST", "-H", "Content-Type: text/plain", "-d", "{}", "\(local)/\(service)").status == 415,
                    "\(service)")
            }
            #expect(try await Curl("-H", "User-Agent: Mozilla/5.0", "\(local)/GetEdgeThings?method=POST").status == 403)
            #expect(
                try await Curl("-H", "User-Agent: Mozilla/5.0", "-H", "Sec-Fetch-Site: none", "\(local)/GetEdgeThings?method=POST").status
                    == 200)
            #expect(try await Curl("-X", "POST", "-H", "Sec-Fetch-Site: cross-site", "\(local)/GetEdgeThings").status == 403)
            #expect(try chain.directory.read("etc/config.json") == before)
            // Everybody else goes on: curl without a content type, by name and by any address, pages of the server itself.
            for arguments in [
                ["\(local)/GetEdgeThings?method=POST"], ["-X", "POST", "\(local)/GetEdgeThings"],
                ["-d", #"{"name": "T9", "host": "127.0.0.1", "port": 9}"#, "\(local)/AddEdgeThing"],
                ["-H", "Host: localhost:\(gatewayPort)", "\(local)/GetEdgeThings?method=POST"],
                ["-H", "Host: 10.1.2.3", "\(local)/GetEdgeThings?method=POST"],
                ["-H", "Host: [::1]:8000", "\(local)/GetEdgeThings?method=POST"],
                ["-H", "Host: \(ProcessInfo.processInfo.hostName)", "\(local)/GetEdgeThings?method=POST"],
                ["-H", "Origin: http://127.0.0.1:\(gatewayPort)", "-X", "POST", "\(local)/GetEdgeThings"],
            ] { #expect(try await Curl(arguments).status == 200, "\(arguments)") }
            #expect(await scripts.end() == 0)
            #expect(await gateway.end() == 0)
            #expect(await platform.end() == 0)
        }

        @Test func settingsWidenIt() async throws {
            let chain = try Chain()
            try chain.writeGateway(
                platform: 1,
                more: """
                    , "http_server": {"host": "127.0.0.1", "port": 0, "ssl": false, "authenticate": false, "allowed_hosts": ["gateway.example"], "allowed_origins": ["https://dashboard.example"]}
                    """)
            let gateway = try chain.startGateway()
            let port = try await gateway.port()
            #expect(try await Curl("-H", "Host: gateway.example:8000", "http://127.0.0.1:\(port)/").status == 200)
            #expect(try await Curl("-H", "Host: other.example", "http://127.0.0.1:\(port)/").status == 403)
            #expect(try await Curl("-H", "Origin: https://dashboard.example", "http://127.0.0.1:\(port)/").status == 200)
            #expect(try await Curl("-H", "Origin: http://dashboard.example", "http://127.0.0.1:\(port)/").status == 403)
            #expect(await gateway.end() == 0)
        }

        /// Characters that join the one before them hide nothing.
        @Test func namesOnStatusPages() async throws {
            let chain = try Chain()
            try chain.writeGateway(platform: 1)
            let gateway = try chain.startGateway()
            let port = try await gateway.port()
            let name = "T\\u0600<meta http-equiv=refresh>\\u0301\\\"'&"
            #expect(
                try await Curl(
                    "-d", #"{"name": "\#(name)", "host": "127.0.0.1", "port": 9, "keepalive": 0}"#,
                    "http://127.0.0.1:\(port)/Thingworx/Things/LocalEms/Services/AddEdgeThing"
                ).status == 200)
            let page = try await Curl("-H", "Accept: text/html", "http://127.0.0.1:\(port)/").body
            #expect(page.unicodeScalars.split(separator: "<").allSatisfy { !String($0).hasPrefix("meta http-equiv=refresh") })
            // As bytes: as characters the first of them is part of the one before it.
            #expect(Array(page.utf8).firstRange(of: Array("&lt;meta http-equiv=refresh&gt;".utf8)) != nil)
            #expect(await gateway.end() == 0)
        }

        /// The file that a link leads to is sealed, and the link stays one.
        @Test func aLinkedConfigurationIsSealedWhereItLies() async throws {
            let chain = try Chain()
            try chain.writeGateway(platform: 1)
            let path = chain.directory.path("etc/config.json")
            let target = chain.directory.path("real.json")
            try FileManager.default.moveItem(atPath: path, toPath: target)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "../real.json")
            let gateway = try chain.startGateway()
            _ = try await gateway.port()
            #expect(await gateway.end() == 0)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "../real.json")
            #expect(try !chain.directory.read("real.json").contains(Chain.edgeKey))
        }

        /// A body that is longer than the Lua host takes, and one that grows in memory.
        @Test func bodiesForTheLuaHost() async throws {
            let chain = try Chain()
            try chain.writeTemplate(
                "t",
                """
                properties.x = { baseType = "JSON" }
                serviceDefinitions.S(input { name = "t", baseType = "JSON" }, output { baseType = "NUMBER" }, description { "" })
                services.S = function(me, headers, query, data) return 200, #data.t end
                """)
            try chain.writeScripts(
                gateway: 1, #"scripts.T1 = { file = "thing.lua", template = "t", register = false, maxMemory = 16000000 }"#)
            let scripts = try chain.startScripts()
            let port = try await scripts.port()
            let url = "http://127.0.0.1:\(port)/scripts/Thingworx/T1"
            while try await Curl("\(url)/Properties/x").status != 200 {}
            let (taken, slowest) = try await Victim(program: scripts).under {
                for (size, status) in [(16 << 20, "413"), (3 << 20, "HTTP/1.1 ")] {
                    let unit = Array("[],".utf8)
                    let peer = try HostilePeer(port: port)
                    let body = Array(#"{"t":["#.utf8) + [[UInt8]](repeating: unit, count: size / 3).joined() + Array("1]}".utf8)
                    peer.write(
                        text:
                            "POST /scripts/Thingworx/T1/Services/S HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
                    )
                    peer.write(body)
                    guard peer.readToEnd().contains(status) else { throw Program.Failure(description: "\(size) bytes were not answered") }
                }
            } meanwhile: {
                _ = try await Curl("http://127.0.0.1:\(port)/scripts")
            }
            #expect(taken <= 100 && slowest < Hostile.patience, "\(taken) MiB, \(slowest)")
            #expect(await scripts.end() == 0)
        }
    }
}
