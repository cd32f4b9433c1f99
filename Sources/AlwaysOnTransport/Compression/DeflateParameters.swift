import NIOHTTP1

/// What both ends agreed on for permessage-deflate (RFC 7692 §7.1).
package struct DeflateParameters: Sendable, Equatable {
    static let extensionName = "permessage-deflate"
    static let header = "Sec-WebSocket-Extensions"

    /// The server forgets what it sent before each message.
    var serverNoContextTakeover = false
    var clientNoContextTakeover = false
    /// Largest window of the server's compressor, 8 to 15 bits.
    var serverMaxWindowBits = 15
    var clientMaxWindowBits = 15

    package init(
        serverNoContextTakeover: Bool = false, clientNoContextTakeover: Bool = false, serverMaxWindowBits: Int = 15,
        clientMaxWindowBits: Int = 15
    ) {
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
        self.serverMaxWindowBits = serverMaxWindowBits
        self.clientMaxWindowBits = clientMaxWindowBits
    }

    /// zlib has no raw deflate with a window of 8 bits.
    private static let smallestWindow = 9

    // MARK: Server

    /// The first offer that can be met, in the client's order (§5.1); others are passed over.
    ///
    /// - Parameter clientWindowBits: the largest window that a client may use that lets the server choose.
    static func accepting(_ headers: HTTPHeaders, clientWindowBits: Int = 15) -> (parameters: DeflateParameters, answer: String)? {
        for element in ExtensionElement.parse(headers[canonicalForm: header]) ?? [] where element.name == extensionName {
            if let accepted = accepting(element, clientWindowBits: clientWindowBits) { return accepted }
        }
        return nil
    }

    private static func accepting(_ offer: ExtensionElement, clientWindowBits: Int) -> (DeflateParameters, String)? {
        var parameters = DeflateParameters()
        var answer = extensionName
        guard offer.hasUniqueNames else { return nil }
        for (name, value) in offer.parameters {
            switch (name, value) {
            case ("server_no_context_takeover", nil):
                parameters.serverNoContextTakeover = true
                answer += "; server_no_context_takeover"
            case ("client_no_context_takeover", nil):
                // A hint: the client will not use its context. Naming it in the answer would bind it.
                break
            case ("server_max_window_bits", let value?):
                guard let bits = windowBits(value), bits >= smallestWindow else { return nil }
                parameters.serverMaxWindowBits = bits
                answer += "; server_max_window_bits=\(bits)"
            case ("client_max_window_bits", let value):
                // The client could do with that window, or a smaller one.
                let most = value.map { windowBits($0) } ?? 15
                guard let most else { return nil }
                let bits = min(most, clientWindowBits)
                guard bits < 15, bits >= smallestWindow, clientWindowBits < 15 else { break }
                parameters.clientMaxWindowBits = bits
                answer += "; client_max_window_bits=\(bits)"
            default: return nil
            }
        }
        return (parameters, answer)
    }

    // MARK: Client

    /// Any window of ours may be made smaller: a server of many connections has less to keep.
    static let offer = "\(extensionName); client_max_window_bits"

    /// - Returns: nil when the server uses no compression.
    /// - Throws: when it answers what was not offered (§5.1, §7.1).
    static func answered(_ headers: HTTPHeaders, isOffered: Bool) throws(ConnectFailure) -> DeflateParameters? {
        guard let elements = ExtensionElement.parse(headers[canonicalForm: header]) else {
            throw ConnectFailure("the platform's \(header) cannot be read")
        }
        guard let element = elements.first else { return nil }
        guard isOffered, elements.count == 1, element.name == extensionName else {
            throw ConnectFailure(
                "the platform answered a WebSocket extension that was not offered: \(elements.map(\.name).joined(separator: ", "))")
        }
        var parameters = DeflateParameters()
        guard element.hasUniqueNames else { throw ConnectFailure("the platform answered permessage-deflate with a parameter twice") }
        for (name, value) in element.parameters {
            switch (name, value) {
            case ("server_no_context_takeover", nil): parameters.serverNoContextTakeover = true
            case ("client_no_context_takeover", nil): parameters.clientNoContextTakeover = true
            case ("server_max_window_bits", let value?) where windowBits(value) != nil:
                parameters.serverMaxWindowBits = windowBits(value) ?? 15
            case ("client_max_window_bits", let value?) where (windowBits(value) ?? 0) >= smallestWindow:
                parameters.clientMaxWindowBits = windowBits(value) ?? 15
            default:
                throw ConnectFailure(
                    "the platform answered permessage-deflate with \(name)\(value.map { "=\($0)" } ?? ""), which was not offered")
            }
        }
        return parameters
    }

    /// 8 to 15, without leading zeros (§7.1.2).
    private static func windowBits(_ text: String) -> Int? {
        guard let bits = Int(text), (8...15).contains(bits), text == String(bits) else { return nil }
        return bits
    }
}

/// One element of a Sec-WebSocket-Extensions header (RFC 6455 §9.1).
struct ExtensionElement: Equatable {
    var name: String
    var parameters: [(name: String, value: String?)]

    var hasUniqueNames: Bool { Set(parameters.map(\.name)).count == parameters.count }

    static func == (left: ExtensionElement, right: ExtensionElement) -> Bool {
        left.name == right.name && left.parameters.elementsEqual(right.parameters) { $0 == $1 }
    }

    /// - Returns: nil where the grammar is violated.
    static func parse(_ values: [Substring]) -> [ExtensionElement]? {
        var elements: [ExtensionElement] = []
        for value in values where !value.isEmpty {
            guard let element = parse(value) else { return nil }
            elements.append(element)
        }
        return elements
    }

    private static func parse(_ text: Substring) -> ExtensionElement? {
        var parts = text.split(separator: ";", omittingEmptySubsequences: false).map(trimmed)
        let name = parts.removeFirst()
        guard isToken(name) else { return nil }
        var element = ExtensionElement(name: name.lowercased(), parameters: [])
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(trimmed)
            guard isToken(pair[0]) else { return nil }
            var value: Substring?
            if pair.count == 2 {
                let isQuoted = pair[1].count >= 2 && pair[1].hasPrefix("\"") && pair[1].hasSuffix("\"")
                value = isQuoted ? pair[1].dropFirst().dropLast() : pair[1]
                guard isToken(value!) else { return nil }
            }
            element.parameters.append((pair[0].lowercased(), value.map(String.init)))
        }
        return element
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
