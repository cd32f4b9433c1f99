import Formats
import Glibc

/// Re-encrypts all secrets of an installation with a new key.
///
/// Every file is replaced whole and in an order in which a crash at any point leaves secrets that open: first the new
/// key joins the old one in the key file, then each configuration is rewritten, last the old key is forgotten.
package struct KeyRotation {
    package let keyFile: KeyFile
    package let secrets: ConfigurationSecrets

    package init(keyFile: KeyFile, secrets: ConfigurationSecrets) {
        self.keyFile = keyFile
        self.secrets = secrets
    }

    /// - Parameter files: configurations; JSON by its structure, others as text with `AGC0:` values in it.
    /// - Throws: before anything was changed when a secret does not open or a file cannot be read.
    package func run(files: [String]) throws {
        guard !keyFile.isCredential else { throw KeyRotationRefused() }
        guard let old = try keyFile.load() else { throw FileFailure("read", keyFile.path, code: ENOENT) }
        for file in files { _ = try resealed(file, keys: old) }
        try keyFile.addKey()
        guard let both = try keyFile.load() else { throw FileFailure("read", keyFile.path, code: ENOENT) }
        for file in files { try AtomicFile.replace(file, with: try resealed(file, keys: both)) }
        try keyFile.dropOldKeys()
    }

    private func resealed(_ path: String, keys: KeyRing) throws -> [UInt8] {
        let bytes = try AtomicFile.read(path)
        let isJSON = bytes.first { $0 > 0x20 && $0 < 0x80 } == UInt8(ascii: "{")
        if isJSON { return try secrets.resealing(try JSONDocument(bytes: bytes), with: keys) }
        return Array(try resealedText(String(decoding: bytes, as: UTF8.self), path: path, keys: keys).utf8)
    }

    private func resealedText(_ text: String, path: String, keys: KeyRing) throws -> String {
        var result = ""
        var rest = text[...]
        while let range = rest.firstRange(of: KeyRing.freeTag) {
            let value = rest[range.lowerBound...].prefix { $0.isASCII && ($0.isLetter || $0.isNumber || ":+/=".contains($0)) }
            result += rest[..<range.lowerBound]
            result += keys.seal(try keys.open(String(value), place: path), place: nil)
            rest = rest[value.endIndex...]
        }
        return result + rest
    }
}

package struct KeyRotationRefused: Error, CustomStringConvertible {
    package var description: String { "the key is a systemd credential: replace it there and encrypt the secrets again" }
}
