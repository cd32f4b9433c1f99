import Secrets

/// Clear secrets in `config.lua`, replaced in place by their encrypted forms. The file is a program: just the literals that
/// stand right behind their settings' names are touched, everything else stays as it is.
package enum ConfigurationSealing {
    /// - Returns: the settings whose secrets were encrypted, and those whose secrets stay in clear because they are written in
    ///   another way than as `name = "text"`.
    /// - Throws: what keeps key file or configuration from being written.
    package static func run(_ configuration: ScriptConfiguration) throws -> (sealed: [String], left: [String]) {
        guard !configuration.clearSecrets.isEmpty else { return ([], []) }
        let keyFile = KeyFile(besides: configuration.path)
        let keys = try keyFile.loadOrCreate()
        var text = String(decoding: try AtomicFile.read(configuration.path), as: UTF8.self)
        var sealed: [String] = []
        for (name, secret) in configuration.clearSecrets.sorted(by: { $0.key < $1.key }) {
            guard let range = literal(of: name, holding: secret.reveal(), in: text) else { continue }
            // Rotation knows values that open anywhere; a program's settings have no place of their own.
            text.replaceSubrange(range, with: "\"\(keys.seal(secret, place: nil))\"")
            sealed.append(name)
        }
        if !sealed.isEmpty { try AtomicFile.replace(configuration.path, with: Array(text.utf8)) }
        return (sealed, configuration.clearSecrets.keys.filter { !sealed.contains($0) }.sorted())
    }

    /// The quoted text behind `name =`, outside of comments, when it is just this secret.
    private static func literal(of name: String, holding secret: String, in text: String) -> Range<String.Index>? {
        var from = text.startIndex
        while let found = text[from...].firstRange(of: name) {
            from = found.upperBound
            let line = text[..<found.lowerBound].suffix(while: { $0 != "\n" && $0 != "\r\n" })
            guard !line.contains("--"), line.last.map({ !$0.isLetter && !$0.isNumber && $0 != "_" }) ?? true else { continue }
            var rest = text[found.upperBound...].drop { $0 == " " || $0 == "\t" }
            guard rest.first == "=" else { continue }
            rest = rest.dropFirst().drop { $0 == " " || $0 == "\t" }
            guard let quote = rest.first, quote == "\"" || quote == "'" else { continue }
            let body = rest.dropFirst().prefix { $0 != quote && $0 != "\n" }
            guard body == secret, !body.contains("\\"), text[body.endIndex...].first == quote else { continue }
            return rest.startIndex..<text.index(after: body.endIndex)
        }
        return nil
    }
}

extension Substring {
    fileprivate func suffix(while matches: (Character) -> Bool) -> Substring {
        var start = endIndex
        while start > startIndex, matches(self[index(before: start)]) { start = index(before: start) }
        return self[start...]
    }
}
