import CCrypt
import Glibc
package import Secrets

/// A password as the system keeps one: hashed with yescrypt, salt and cost in the text.
package struct PasswordHash: Sendable, Equatable {
    package let text: String

    /// A hash that was made before.
    package init(text: String) { self.text = text }

    /// Takes some hundredths of a second, and several MiB meanwhile: not on an event loop.
    /// - Throws: `PasswordFailure` where the system has no random bytes, or no such hash.
    package init(of password: Secret) throws(PasswordFailure) {
        var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        guard crypt_gensalt_rn("$y$", 0, nil, 0, &setting, CInt(setting.count)) != nil else { throw PasswordFailure(code: errno) }
        guard let hash = PasswordHash.hash(password, setting: setting) else { throw PasswordFailure(code: errno) }
        text = hash
    }

    /// Takes as long as making one does.
    package func matches(_ password: Secret) -> Bool {
        guard let hash = PasswordHash.hash(password, setting: text.utf8CString.map { $0 }) else { return false }
        let (one, other) = (Array(hash.utf8), Array(text.utf8))
        guard one.count == other.count else { return false }
        return zip(one, other).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Longest password that the hash looks at; one with a zero byte would be cut there.
    package static let longest = Int(CRYPT_MAX_PASSPHRASE_SIZE) - 1

    private static func hash(_ password: Secret, setting: [CChar]) -> String? {
        let phrase = password.reveal()
        guard phrase.utf8.count <= longest, !phrase.utf8.contains(0) else { return nil }
        // Some 32 KiB: on the heap.
        let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        data.initialize(to: crypt_data())
        defer {
            data.deinitialize(count: 1)
            data.deallocate()
        }
        guard let hash = crypt_rn(phrase, setting, data, CInt(MemoryLayout<crypt_data>.size)) else { return nil }
        return String(cString: hash)
    }
}

package struct PasswordFailure: Error, CustomStringConvertible {
    let code: CInt

    package var description: String { "the password cannot be hashed: \(String(cString: strerror(code)))" }
}
