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
        let (_, diagnostics) = GatewayConfiguration.read(
            document, keys: nil, keyFile: KeyFile(besides: "/nowhere/config.json", credentialsDirectory: nil))
        // A sample names files that are not there; nothing else is wrong with it.
        let others = diagnostics.filter {
            !$0.message.contains("cannot read") && !$0.message.contains("no directory") && $0.severity != .warning
        }
        #expect(others.map(\.message).allSatisfy { $0.hasPrefix("certificates.fingerprint_allowlist") })
    }

    /// What is shown of a configuration can be written back, and shows the same.
    @Test func theConfigurationInForceIsAConfiguration() throws {
        let text =
            #"{"ws_servers":[{"host":"h"}],"appKey":"k","auto_bind":[{"name":"A","password":"p","user":"u"},{"name":"G","gateway":true}],"http_server":{"password":"q","user":"me"}}"#
        let keyFile = KeyFile(besides: "/nowhere/config.json", credentialsDirectory: nil)
        let first = GatewayConfiguration.read(try JSONDocument(bytes: Array(text.utf8)), keys: nil, keyFile: keyFile).0
        let shown = JSONValue.object(GatewayConfiguration.settings.json(of: first))
        #expect(!shown.description.contains("\"p\"") && !shown.description.contains("\"q\"") && !shown.description.contains("\"k\""))
        let (second, diagnostics) = GatewayConfiguration.read(
            try JSONDocument(bytes: Array(shown.pretty.utf8)), keys: nil, keyFile: keyFile)
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

    /// Every setting, by its description: a value of the wrong type and one out of its range are named, and nothing crashes.
    @Test func eachSettingRefusesWhatItIsNot() throws {
        let keyFile = KeyFile(besides: "/nowhere/config.json", credentialsDirectory: nil)
        var checked = 0
        func check(_ setting: SettingDescription, in group: [String]) throws {
            if case .object(let members) = setting.kind { return try members.forEach { try check($0, in: group + [setting.name]) } }
            let wrong: [JSONValue] =
                switch setting.kind {
                case .bool: [3, "perhaps", []]
                case .integer(let range, _):
                    ["many", true, .int(range.lowerBound - 1)] + (range.upperBound < Int.max ? [.int(range.upperBound + 1)] : [])
                case .string, .path, .secret: [["a"], 4]
                case .choice: ["no such word", 7]
                case .strings: [5, [6]]
                case .objects: [5, "text"]
                case .object: []
                }
            // Settings that older files have and nothing reads are taken as they come.
            let isRetired = setting.text.hasPrefix("Kept for older files") || setting.text.hasPrefix("Gone since")
            for value in wrong where !isRetired {
                var document: JSONValue = .object([setting.name: value])
                for name in group.reversed() { document = .object([name: document]) }
                var root: JSONObject = ["ws_servers": [["host": "h"]], "appKey": "k"]
                for member in document.object!.members { root[member.name] = member.value }
                let bytes = Array(JSONValue.object(root).description.utf8)
                let (_, diagnostics) = GatewayConfiguration.read(try JSONDocument(bytes: bytes), keys: nil, keyFile: keyFile)
                let path = (group + [setting.name]).joined(separator: ".")
                let found = diagnostics.first { $0.message.hasPrefix(path) && $0.severity != .warning }
                #expect(found?.location != nil, "\(path) = \(value): \(diagnostics)")
                checked += 1
            }
        }
        for setting in GatewayConfiguration.settings { try check(setting.description, in: []) }
        #expect(checked > 200)
    }
}
