package import Formats

/// The secrets that stand in a JSON configuration: reading them, sealing clear ones in place.
package struct ConfigurationSecrets: Sendable {
    /// Paths of secrets; `[]` stands for any index (`auto_bind[].password`). Matched without regard to case.
    private let places: Set<String>

    package init(places: [String]) { self.places = Set(places.map { $0.lowercased() }) }

    package func adding(_ more: [String]) -> ConfigurationSecrets { ConfigurationSecrets(places: Array(places) + more) }

    package func isSecret(_ path: String) -> Bool { places.contains(ConfigurationSecrets.place(of: path).lowercased()) }

    /// The path without its indices: what a sealed value is bound to, so that list entries may be moved.
    package static func place(of path: String) -> String {
        var place = ""
        var inIndex = false
        for character in path {
            if character == "]" { inIndex = false }
            if !inIndex { place.append(character) }
            if character == "[" { inIndex = true }
        }
        return place
    }

    private func strings(in document: JSONDocument) -> [(path: String, text: String)] {
        document.positions.keys.filter { isSecret($0) }.sorted().compactMap { path in
            document.string(at: path).map { (path, $0) }
        }
    }

    package func hasSealed(_ document: JSONDocument) -> Bool { strings(in: document).contains { KeyRing.isSealed($0.text) } }

    /// The document's bytes with each clear secret sealed, everything else as it was; nil when there is none.
    package func sealingClear(_ document: JSONDocument, with keys: KeyRing) -> [UInt8]? {
        let clear = strings(in: document).filter { !$0.text.isEmpty && !KeyRing.isSealed($0.text) && !KeyRing.isLegacy($0.text) }
        guard !clear.isEmpty else { return nil }
        return document.replacingStrings(
            Dictionary(
                uniqueKeysWithValues: clear.map {
                    ($0.path, keys.seal(Secret($0.text), place: ConfigurationSecrets.place(of: $0.path).lowercased()))
                }))
    }

    /// The document's bytes with each sealed secret sealed anew.
    /// - Throws: `SecretFailure` when one does not open; nothing is lost then.
    func resealing(_ document: JSONDocument, with keys: KeyRing) throws -> [UInt8] {
        var replacements: [String: String] = [:]
        for (path, text) in strings(in: document) where KeyRing.isSealed(text) {
            let place = ConfigurationSecrets.place(of: path).lowercased()
            let secret = try keys.open(text, place: place)
            replacements[path] = keys.seal(secret, place: text.hasPrefix(KeyRing.boundTag) ? place : nil)
        }
        return document.replacingStrings(replacements)
    }

    /// What a configuration's text stands for: itself when it is clear, else what is sealed in it.
    /// - Parameter keys: nil when there is no key file.
    /// - Throws: `SecretFailure`.
    package static func open(_ text: String, path: String, keys: KeyRing?, keyFile: KeyFile) throws(SecretFailure) -> Secret {
        if KeyRing.isLegacy(text) { throw SecretFailure(place: path, cause: .legacy) }
        guard KeyRing.isSealed(text) else { return Secret(text) }
        guard let keys else { throw SecretFailure(place: path, cause: .noKey(keyFile.path)) }
        do {
            return try keys.open(text, place: place(of: path).lowercased())
        } catch {
            throw SecretFailure(place: path, cause: error.cause)
        }
    }
}

extension JSONDocument {
    /// The string at a path of `positions`.
    package func string(at path: String) -> String? {
        guard let range = positions[path] else { return nil }
        return (try? JSONValue(parsing: String(decoding: bytes[range], as: UTF8.self)))?.string
    }
}
