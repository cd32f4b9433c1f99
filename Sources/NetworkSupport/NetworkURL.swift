/// The parts of a URL that say where to connect to: `scheme://host:port/path?query`.
package struct NetworkURL: Sendable, Equatable {
    /// In lower case.
    package var scheme: String
    /// Without the brackets of an IPv6 address.
    package var host: String
    package var port: Int?
    /// Begins with a slash; the query belongs to it.
    package var path: String

    /// nil for anything else, and where a user is named: no secret belongs into a URL.
    package init?(_ text: String) {
        guard let mark = text.firstRange(of: "://") else { return nil }
        scheme = text[..<mark.lowerBound].lowercased()
        let rest = text[mark.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@") else { return nil }
        let colon = authority.lastIndex(of: ":").flatMap { authority[$0...].contains("]") ? nil : $0 }
        host = authority[..<(colon ?? authority.endIndex)].filter { $0 != "[" && $0 != "]" }
        if let colon {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65535).contains(number) else { return nil }
            port = number
        }
        guard !scheme.isEmpty, !host.isEmpty else { return nil }
        let path = rest.dropFirst(authority.count).prefix { $0 != "#" }
        self.path = path.hasPrefix("/") ? String(path) : "/" + path
    }
}
