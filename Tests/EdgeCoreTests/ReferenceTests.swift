import Foundation
import Formats
import Secrets
import Settings
import Testing

@testable import EdgeCore

/// The pages and samples that are made from the settings' descriptions.
@Suite struct ReferenceTests {
    let reference = SettingsReference(GatewayConfiguration.settings.map(\.description))

    private func file(_ path: String) throws -> String {
        try String(contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../\(path)"), encoding: .utf8)
    }

    /// After a change of a setting: `make docs`.
    @Test(arguments: SettingsReference.Sample.allCases)
    func samplesAreThoseOfTheCode(form: SettingsReference.Sample) throws {
        let isSame = try file("Examples/config/config.json.\(form.rawValue)") == reference.sample(form)
        #expect(isSame, "run `make docs`")
    }

    @Test func pageAndSchemaAreThoseOfTheCode() throws {
        let isPage = try file("Documentation/config.md").hasSuffix(reference.markdown())
        #expect(isPage, "run `make docs`")
        let isSchema = try file("Documentation/config.schema.json") == reference.schema(title: "config.json of wsems").pretty + "\n"
        #expect(isSchema, "run `make docs`")
    }

    @Test(arguments: [SettingsReference.Sample.minimal, .complete])
    func samplesCanBeRead(form: SettingsReference.Sample) throws {
        let document = try JSONDocument(bytes: Array(reference.sample(form).utf8))
        let (_, diagnostics) = GatewayConfiguration.read(document, keys: nil, keyFile: KeyFile(besides: "/nowhere/config.json", credentialsDirectory: nil))
        // A sample names files that are not there; nothing else is wrong with it.
        let others = diagnostics.filter { !$0.message.contains("cannot read") && !$0.message.contains("no directory") && $0.severity != .warning }
        #expect(others.map(\.message).allSatisfy { $0.hasPrefix("certificates.fingerprint_allowlist") })
    }

    /// What is shown of a configuration can be written back, and shows the same.
    @Test func theConfigurationInForceIsAConfiguration() throws {
        let text = #"{"ws_servers":[{"host":"h"}],"appKey":"k","auto_bind":[{"name":"A","password":"p","user":"u"},{"name":"G","gateway":true}],"http_server":{"password":"q","user":"me"}}"#
        let keyFile = KeyFile(besides: "/nowhere/config.json", credentialsDirectory: nil)
        let first = GatewayConfiguration.read(try JSONDocument(bytes: Array(text.utf8)), keys: nil, keyFile: keyFile).0
        let shown = JSONValue.object(GatewayConfiguration.settings.json(of: first))
        #expect(!shown.description.contains("\"p\"") && !shown.description.contains("\"q\"") && !shown.description.contains("\"k\""))
        let (second, diagnostics) = GatewayConfiguration.read(try JSONDocument(bytes: Array(shown.pretty.utf8)), keys: nil, keyFile: keyFile)
        #expect(diagnostics.filter { $0.severity != .warning }.isEmpty, "\(diagnostics)")
        #expect(JSONValue.object(GatewayConfiguration.settings.json(of: second)) == shown)
    }

    @Test func changesAreNamedAndOnlyLiveOnesAdopted() {
        var old = GatewayConfiguration()
        var new = old
        new.log.level = "DEBUG"
        new.httpServer.port = 9000
        new.httpServer.maximumClients = 3
        new.autoBind = [EdgeThing(name: "A")]
        let changes = GatewayConfiguration.settings.changes(from: old, to: new)
        #expect(changes.filter { $0.change == .live }.map(\.path) == ["logger.level", "http_server.max_clients", "auto_bind"])
        #expect(changes.filter { $0.change == .restart }.map(\.path) == ["http_server.port"])
        GatewayConfiguration.settings.adopt(new, into: &old)
        #expect(old.log.level == "DEBUG" && old.httpServer.maximumClients == 3 && old.autoBind.count == 1 && old.httpServer.port == 8000)
    }
}
