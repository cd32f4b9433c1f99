import Crypto
import Formats
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Seals and opens secrets at rest (ems.md §3): AES-256-GCM, a random nonce each, the place of the value in its
/// configuration as associated data, so that a value moved to another field does not open.
///
/// A sealed value is a tag and Base64 of nonce (12 bytes), ciphertext and authentication tag (16 bytes).
package struct KeyRing: Sendable {
    /// Bound to its place.
    package static let boundTag = "AGC1:"
    /// Opens anywhere: what `-encrypt` prints.
    package static let freeTag = "AGC0:"
    /// What releases before 5.4.8 of the original wrote, with a key that is not public.
    package static let legacyTag = "AES:"

    /// The first seals; all of them open. There are two only while secrets are being re-encrypted.
    let keys: [SymmetricKey]

    static let keySize = 32

    /// - Parameter bytes: one or more keys of 32 bytes, one after the other.
    init?(bytes: [UInt8]) {
        guard !bytes.isEmpty, bytes.count % KeyRing.keySize == 0 else { return nil }
        keys = stride(from: 0, to: bytes.count, by: KeyRing.keySize).map {
            SymmetricKey(data: bytes[$0..<$0 + KeyRing.keySize])
        }
    }

    static func newKey() -> [UInt8] { SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) } }

    package static func isSealed(_ text: String) -> Bool { text.hasPrefix(boundTag) || text.hasPrefix(freeTag) }
    package static func isLegacy(_ text: String) -> Bool { text.hasPrefix(legacyTag) }

    /// - Parameter place: path of the value in its configuration (`appKey`, `auto_bind[].password`); nil seals a
    ///   value that opens anywhere.
    package func seal(_ secret: Secret, place: String?) -> String {
        let tag = place == nil ? KeyRing.freeTag : KeyRing.boundTag
        let associated = Array((tag + (place ?? "")).utf8)
        do {
            let box = try AES.GCM.seal(Array(secret.reveal().utf8), using: keys[0], authenticating: associated)
            return tag + Base64.encode(box.combined!)
        } catch {
            preconditionFailure("AES-GCM takes every plain text of this size: \(error)")
        }
    }

    /// - Throws: `SecretFailure` when the value was damaged, moved or sealed with another key.
    package func open(_ sealed: String, place: String) throws(SecretFailure) -> Secret {
        let isBound = sealed.hasPrefix(KeyRing.boundTag)
        let tag = isBound ? KeyRing.boundTag : KeyRing.freeTag
        guard let bytes = Base64.decode(String(sealed.dropFirst(tag.count))), let box = try? AES.GCM.SealedBox(combined: bytes) else {
            throw SecretFailure(place: place, cause: .damaged)
        }
        let associated = Array((tag + (isBound ? place : "")).utf8)
        for key in keys {
            if let plain = try? AES.GCM.open(box, using: key, authenticating: associated) {
                return Secret(String(decoding: plain, as: UTF8.self))
            }
        }
        throw SecretFailure(place: place, cause: .wrongKey)
    }
}

/// A secret of a configuration that cannot be used: where it stands, and what to do.
package struct SecretFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Cause: Sendable, Equatable {
        case legacy
        case damaged
        case wrongKey
        case noKey(String)
    }

    package let place: String
    package let cause: Cause

    package init(place: String, cause: Cause) {
        self.place = place
        self.cause = cause
    }

    package var description: String {
        let remedy = "write the clear value there again (it is encrypted at the next start), or one made with `wsems -encrypt -`"
        return switch cause {
        case .legacy: "\(place): an AES: value of the original cannot be decrypted, its key is not public; \(remedy)"
        case .damaged: "\(place): the encrypted value is damaged; \(remedy)"
        case .wrongKey: "\(place): the encrypted value was made with another key file, or for another setting; \(remedy)"
        case .noKey(let path): "\(place): the value is encrypted and its key file \(path) is missing; restore that file, or \(remedy)"
        }
    }
}
