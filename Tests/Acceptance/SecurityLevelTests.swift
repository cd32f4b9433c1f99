import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// `Examples/security`: each level runs, and what it is to stop is stopped.
@Suite(.serialized) struct SecurityLevelTests {
    /// A level as its user starts it.
    final class Level: Sendable {
        let directory: TemporaryDirectory
        let program: Program
        let platform, gateway, device, authority: String

        init(_ name: String, gateway gatewayIdentity: String = "gateway", device deviceIdentity: String = "device") async throws {
            directory = try TemporaryDirectory()
            let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Examples/security/run").standardized
                .path
            // Below the ports that the system hands out, so that nobody gets one between the look and the use.
            let port = 20_000 + 4 * Int.random(in: 0..<3000)
            program = try Program(
                "/bin/bash", [script, name], in: directory.path,
                environment: [
                    "BIN": (Chain.binary("wsems") as NSString).deletingLastPathComponent, "RUN": directory.path("level"),
                    "PLATFORM_PORT": "\(port)",
                    "GATEWAY_PORT": "\(port + 1)", "DEVICE_PORT": "\(port + 2)", "GATEWAY_IDENTITY": gatewayIdentity,
                    "DEVICE_IDENTITY": deviceIdentity,
                ])
            let words = try await program.line(containing: "level \(name):").split(separator: " ").map(String.init)
            func word(after name: String) throws -> String { try #require(words.firstIndex(of: name).map { words[$0 + 1] }) }
            (platform, gateway) = (try word(after: "platform"), try word(after: "gateway"))
            (device, authority) = (try word(after: "device"), try word(after: "authority"))
        }

        var isConnected: String { "\(gateway)/Thingworx/Things/LocalEms/Properties/isConnected" }
        var energy: String { "\(device)/scripts/Thingworx/Meter/Properties/energy" }

        /// The whole way works: the device host registered the Thing, and the platform calls its service.
        func works() async throws {
            try await program.line(containing: "Meter is bound")
            let key = ["-H", "appKey: example-admin-key"]
            let answer = try await Curl(
                key[0], key[1], "-H", "Content-Type: application/json", "-X", "POST", "\(platform)/Thingworx/Things/Meter/Services/Read")
            #expect(answer.status == 200 && answer.body.contains("17.5"), "\(answer.body)")
        }

        func end() async { await program.end() }
    }

    @Test func none() async throws {
        let level = try await Level("none")
        try await level.works()
        #expect(try await Curl(level.isConnected).status == 200)
        #expect(try await Curl(level.energy).status == 200)
        for text in [
            "http_server.ssl is off", "http_server.authenticate is off", "certificates.validate is off",
            "certificates.allow_self_signed is on",
        ] {
            #expect(level.program.output.contains(text))
        }
        await level.end()
    }

    @Test func minimalStopsReadingAlong() async throws {
        let level = try await Level("minimal")
        try await level.works()
        for url in [level.isConnected, level.energy] {
            await #expect(throws: Program.Failure.self) { try await Curl(url.replacing("https://", with: "http://")) }
            #expect(try await Curl("--cacert", level.authority, url).status == 200)
        }
        await level.end()
        // Whoever poses as one of them is not noticed: that is what the higher levels are for.
        let posing = try await Level("minimal", gateway: "stranger", device: "self-signed")
        try await posing.works()
        await posing.end()
    }

    @Test("lsr 11: a password at either end stops whoever has none") func basicStopsWhoeverHasNoPassword() async throws {
        let level = try await Level("basic")
        try await level.works()
        for (url, user, password) in [
            (level.isConnected, "device-host", "example-gateway-password"), (level.energy, "gateway", "example-device-password"),
        ] {
            #expect(try await Curl("--cacert", level.authority, url).status == 401)
            #expect(try await Curl("--cacert", level.authority, "-u", "\(user):wrong", url).status == 401)
            let wrong = try await Curl("--cacert", level.authority, "-u", "\(user):wrong", level.energy)
            #expect(wrong.status == 401 && wrong.body.isEmpty)
            let right = try await Curl("--cacert", level.authority, "-u", "\(user):\(password)", url)
            guard let token = right.headers["x-csrf-token"] else {
                #expect(right.status == 200)
                continue
            }
            #expect(right.status == 401)
            #expect(
                try await Curl("--cacert", level.authority, "-u", "\(user):\(password)", "-H", "x-csrf-token: \(token)", url).status == 200)
        }
        let written = try level.directory.read("level/etc/config.json")
        for secret in ["example-gateway-password", "example-passphrase", "example-gateway-key"] {
            #expect(!written.contains(secret) && !level.program.output.contains(secret))
        }
        await level.end()
    }

    @Test func mediumStopsStrangers() async throws {
        let level = try await Level("medium")
        try await level.works()
        await level.end()
        let gateway = try await Level("medium", gateway: "stranger")
        try await gateway.program.line(containing: "no trusted authority vouches for the certificate of localhost")
        #expect(!gateway.program.output.contains("Meter is bound"))
        await gateway.end()
        try await refusesDevice("medium", "stranger", because: "no trusted authority vouches for the certificate of localhost")
        // One that is its own authority passes still.
        let own = try await Level("medium", gateway: "self-signed", device: "self-signed")
        try await own.works()
        await own.end()
    }

    @Test func highStopsSelfSignedAndUnlistedCertificates() async throws {
        let level = try await Level("high")
        try await level.works()
        await level.end()
        let own = try await Level("high", gateway: "self-signed")
        try await own.program.line(containing: "is self-signed")
        await own.end()
        try await refusesDevice("high", "self-signed", because: "is self-signed")
        // By the right authority, and not the one that is listed.
        try await refusesDevice("high", "gateway", because: "which is not in certificates.fingerprint_allowlist")
    }

    /// The gateway does not speak to a device host with another certificate, and the platform hears why.
    private func refusesDevice(_ name: String, _ identity: String, because text: String) async throws {
        let level = try await Level(name, device: identity)
        try await level.program.line(containing: "Meter is bound")
        let answer = try await Curl(
            "-H", "appKey: example-admin-key", "-H", "Content-Type: application/json", "-X", "POST",
            "\(level.platform)/Thingworx/Things/Meter/Services/Read")
        #expect(answer.status == 503 && answer.body.contains(text), "\(answer.status) \(answer.body)")
        await level.end()
    }
}
