import Crypto
import Formats
package import NIOCore
package import Secrets

/// A key that stands for a user. Only its digest is kept.
package struct ApplicationKey: Sendable, Equatable {
    package let name: String
    package var about = EntityAbout()
    package let digest: KeyDigest
    package var user: String
    package var clientName = ""
    /// Milliseconds since 1970 UTC; nil: never.
    package var expires: Int64?
    package var isEnabled = true
    /// Addresses that it may be used from; empty: any.
    package var allowedAddresses: [AddressRange] = []
    /// Milliseconds since 1970 UTC, to the minute.
    package var lastUsed: Int64?

    package init(name: String, digest: KeyDigest, user: String) {
        self.name = name
        self.digest = digest
        self.user = user
    }
}

/// SHA-256 of a key: looked up without telling by its duration how much of a guess was right.
package struct KeyDigest: Sendable, Hashable {
    private let bytes: [UInt8]

    package init(of key: Secret) { bytes = Array(SHA256.hash(data: Array(key.reveal().utf8))) }

    /// As `hex` writes it; nil where the text is none.
    package init?(hex: String) {
        guard let bytes = Hex.decode(hex), bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    package var hex: String { Hex.encode(bytes) }
}

/// An address, or a range of them (`10.0.0.0/8`, `fd00::/8`).
package struct AddressRange: Sendable, Equatable {
    private let network: [UInt8]
    private let length: Int
    /// As it was written.
    package let text: String

    /// nil where the text is neither an address nor a range.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard let first = parts.first, let bytes = AddressRange.bytes(of: try? SocketAddress(ipAddress: String(first), port: 0)) else {
            return nil
        }
        var length = bytes.count * 8
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...length).contains(given) else { return nil }
            length = given
        }
        network = bytes
        self.length = length
        self.text = text
    }

    package func contains(_ address: SocketAddress?) -> Bool {
        guard let bytes = AddressRange.bytes(of: address), bytes.count == network.count else { return false }
        for bit in 0..<length where (bytes[bit / 8] ^ network[bit / 8]) >> (7 - bit % 8) & 1 != 0 { return false }
        return true
    }

    private static func bytes(of address: SocketAddress?) -> [UInt8]? {
        switch address {
        case .v4(let v4): return withUnsafeBytes(of: v4.address.sin_addr) { Array($0) }
        case .v6(let v6):
            let bytes = withUnsafeBytes(of: v6.address.sin6_addr) { Array($0) }
            // An IPv4 client of an IPv6 socket.
            let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
            return bytes.starts(with: mapped) ? Array(bytes[12...]) : bytes
        default: return nil
        }
    }
}

/// What became of a key that somebody showed. The cause of a refusal is for the platform's own log alone.
package enum Authentication: Sendable, Equatable {
    case accepted(Principal, key: String)
    case refused(String)
}

extension KeyDigest {
    /// A new key's text: 128 random bits, as platforms write them.
    package static func newKey() -> String {
        var generator = SystemRandomNumberGenerator()
        let hex = Hex.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(Array(hex.utf8)[$0].map { Character(UnicodeScalar($0)) }) }
        return parts.joined(separator: "-")
    }
}
