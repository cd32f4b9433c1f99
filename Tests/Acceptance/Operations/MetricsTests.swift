import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// `/metrics`, `/healthz` and `/readyz` of all programs, as Prometheus and a service manager ask for them.
@Suite struct MetricsTests {
    private static let examples = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../Examples/monitoring")
        .standardized

    /// The whole chain with metrics on.
    private func withChain(_ body: (_ urls: [String], Chain) async throws -> Void) async throws {
        let chain = try Chain()
        try chain.directory.write("store/.keep", "")
        try chain.writeModel(
            things: #"[{"name": "T1", "properties": {"x": {"baseType": "NUMBER", "remote": true}}}]"#, server: ", \"metrics\": true")
        let platform = try chain.startPlatform()
        let platformPort = try await platform.port()
        try chain.writeGateway(
            platform: platformPort,
            more: """
                , "metrics": {"enabled": true}, "offline_msg_store": {"enabled": true, "directory": "\(chain.directory.path("store"))"},
                "file": {"virtual_dirs": [{"in": "\(chain.directory.path)"}]}
                """)
        let gateway = try chain.startGateway()
        let gatewayPort = try await gateway.port()
        try chain.writeTemplate("t1", "properties.x = { baseType = 'NUMBER', value = 1, pushType = 'VALUE', scanRate = 60 }")
        try chain.writeScripts(
            gateway: gatewayPort,
            "scripts.metrics_enabled = true scripts.T1 = { file = 'thing.lua', template = 't1', scanRateResolution = 20, scanRate = 60, taskRate = 50 }"
        )
        let scripts = try chain.startScripts()
        let scriptPort = try await scripts.port()
        try await platform.line(containing: "T1 is bound to")
        let rest = try chain.platform(platformPort)
        #expect(try await rest.property("T1", "x") == 1)
        #expect(try await chain.local(gatewayPort).property("LocalEms", "isConnected") == true)
        try await body(["http://127.0.0.1:\(platformPort)", "http://127.0.0.1:\(gatewayPort)", "http://127.0.0.1:\(scriptPort)"], chain)
        for program in [scripts, gateway, platform] { #expect(await program.end() == 0) }
    }

    private func scrape(_ url: String) async throws -> String {
        let answer = try await Curl("-H", "appKey: \(Chain.adminKey)", "\(url)/metrics")
        #expect(answer.status == 200 && answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        return answer.body
    }

    /// A sample's value by its name and labels, as they are written.
    private func value(_ sample: String, in text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix("\(sample) ") }.flatMap { Double($0.split(separator: " ").last ?? "") }
    }

    @Test func figuresAreRightAndPrometheusReadsThem() async throws {
        try await withChain { urls, chain in
            var names: Set<String> = []
            var all = ""
            for url in urls {
                let text = try await scrape(url)
                try chain.directory.write("scrape", text.hasSuffix("\n") ? text : text + "\n")
                let check = try Program("/bin/sh", ["-c", "promtool check metrics < scrape"], in: chain.directory.path)
                let status = await check.exitStatus()
                #expect(status == 0, "\(url): \(check.output)")
                #expect(!text.contains(Chain.edgeKey) && !text.contains(Chain.adminKey))
                for line in text.split(separator: "\n") where line.hasPrefix("# TYPE ") {
                    names.insert(String(line.split(separator: " ")[2]))
                }
                all += text
            }
            #expect(value("wsems_connected", in: all) == 1)
            #expect(value(#"wsems_things{state="bound"}"#, in: all) == 1)
            #expect(try #require(value(#"wsems_requests_total{direction="platform",status="200"}"#, in: all)) >= 1)
            #expect(try #require(value(#"wsems_request_duration_seconds_count{direction="platform"}"#, in: all)) >= 1)
            #expect(try #require(value(#"wsems_platform_bytes_total{direction="received"}"#, in: all)) > 100)
            #expect(value("wsems_store_messages", in: all) == 0 && value("wsems_store_oldest_age_seconds", in: all) == 0)
            #expect(try #require(value(#"lsr_script_scans_total{script="T1"}"#, in: all)) >= 1)
            #expect(try #require(value(#"lsr_script_memory_bytes{script="T1"}"#, in: all)) > 10_000)
            #expect(value(#"lsr_scripts{state="running"}"#, in: all) == 1)
            #expect(value("thingplatform_bound_things", in: all) == 1 && value("thingplatform_edges", in: all) == 1)
            #expect(try #require(value("process_resident_memory_bytes", in: all)) > 1_000_000)
            try checkExamples(names)
        }
    }

    /// What dashboard and alerts ask for is there; `_bucket`, `_sum` and `_count` belong to histograms.
    private func checkExamples(_ exported: Set<String>) throws {
        for file in ["dashboard.json", "alerts.yml"] {
            let text = try String(contentsOf: MetricsTests.examples.appending(path: file), encoding: .utf8)
            let wanted = Set(text.matches(of: /\b(?:wsems|lsr|thingplatform|process)_[a-z_]+\b/).map { String($0.output) })
            #expect(wanted.count > 8)
            for name in wanted {
                let family = ["_bucket", "_sum", "_count"].reduce(name) { $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0 }
                #expect(exported.contains(name) || exported.contains(family), "\(file) asks for \(name), which nobody exports")
            }
        }
    }

    @Test func alertsAreRules() async throws {
        let check = try Program("/bin/sh", ["-c", "promtool check rules alerts.yml"], in: MetricsTests.examples.path)
        let status = await check.exitStatus()
        #expect(status == 0, "\(check.output)")
    }

    @Test func healthIsToldWithReasons() async throws {
        try await withChain { urls, chain in
            for url in urls {
                let health = try await Curl("\(url)/healthz")
                #expect(health.status == 200 && health.body.contains(#""status":"ok""#))
                let ready = try await Curl("\(url)/readyz")
                #expect(ready.status == 200, "\(ready.body)")
                let post = try await Curl("-X", "POST", "-H", "Content-Type: application/json", "\(url)/readyz")
                #expect(post.status != 200)
            }
        }
    }

    @Test func aGatewayWithoutItsPlatformIsNotReady() async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1)
        let gateway = try chain.startGateway()
        let url = "http://127.0.0.1:\(try await gateway.port())"
        try await gateway.line(containing: "Trying again in")
        let ready = try await Curl("\(url)/readyz")
        #expect(
            ready.status == 503 && ready.body.contains(#""platform":{"status":"failing""#) && ready.body.contains("refused"),
            "\(ready.body)")
        #expect(try await Curl("\(url)/healthz").status == 200)
        // Off unless somebody wants them.
        #expect(try await Curl("\(url)/metrics").status == 404)
        #expect(await gateway.end() == 0)
    }

    @Test func aStoreThatCannotBeWrittenIsNotReady() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        try chain.directory.write("blocked", "a file where a directory should be")
        try chain.writeGateway(
            platform: try await platform.port(),
            more: #", "offline_msg_store": {"enabled": true, "directory": "\#(chain.directory.path("blocked"))"}"#)
        let gateway = try chain.startGateway()
        let url = "http://127.0.0.1:\(try await gateway.port())"
        try await gateway.line(containing: "authenticated")
        let ready = try await Curl("\(url)/readyz")
        #expect(
            ready.status == 503 && ready.body.contains(#""store":{"status":"failing""#)
                && ready.body.contains(#""platform":{"status":"ok""#), "\(ready.body)")
        #expect(await gateway.end() == 0)
        #expect(await platform.end() == 0)
    }

    @Test("metrics need credentials, and no token; a port of their own has nothing else") func metricsAreGuarded() async throws {
        let chain = try Chain()
        let port = try ReservedPort()
        try chain.writeGateway(
            platform: 1,
            more: """
                , "http_server": {"host": "127.0.0.1", "port": 0, "ssl": false, "authenticate": true, "user": "me", "password": "pass-word-77"},
                "metrics": {"enabled": true, "port": \(port.port)}
                """)
        port.release(0)
        let gateway = try chain.startGateway()
        let main = "http://127.0.0.1:\(try await gateway.port())"
        try await gateway.line(containing: "started with")
        for url in [main, "http://127.0.0.1:\(port.port)"] {
            #expect(try await Curl("\(url)/metrics").status == 401)
            #expect(try await Curl("-u", "me:wrong", "\(url)/metrics").status == 401)
            let scraped = try await Curl("-u", "me:pass-word-77", "\(url)/metrics")
            #expect(scraped.status == 200 && scraped.body.contains("wsems_connected 0") && !scraped.body.contains("pass-word-77"))
            #expect(try await Curl("\(url)/healthz").status == 200)
            #expect(try await Curl("-H", "Host: evil.example", "\(url)/healthz").status == 403)
        }
        let elsewhere = try await Curl(
            "-u", "me:pass-word-77", "http://127.0.0.1:\(port.port)/Thingworx/Things/LocalEms/Properties/isConnected")
        #expect(elsewhere.status == 401 || elsewhere.status == 404)
        #expect(await gateway.end() == 0)
    }
}
