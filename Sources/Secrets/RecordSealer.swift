package import NIOCore
import Crypto
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Seals the records of one file with a key of its own: AES-256-GCM, a number that the file uses once as nonce.
package struct RecordSealer: Sendable {
    /// Bytes that a sealed record is longer.
    package static let overhead = 16

    private let keys: [SymmetricKey]

    /// - Parameter salt: random, of this file alone: it makes the file's key of the data protection key.
    package init(_ ring: KeyRing, salt: [UInt8]) { keys = ring.derivedKeys(salt: salt, purpose: "stored messages") }

    /// - Parameter number: of this record; none is used twice in a file.
    package func seal(_ plain: ByteBuffer, number: UInt64, associated: [UInt8]) -> ByteBuffer {
        do {
            let nonce = try nonce(number)
            let box = try plain.withUnsafeReadableBytes { try AES.GCM.seal($0, using: keys[0], nonce: nonce, authenticating: associated) }
            var sealed = ByteBuffer()
            sealed.reserveCapacity(box.ciphertext.count + RecordSealer.overhead)
            sealed.writeBytes(box.ciphertext)
            sealed.writeBytes(box.tag)
            return sealed
        } catch {
            preconditionFailure("AES-GCM takes every plain text of this size: \(error)")
        }
    }

    /// nil where it was sealed with another key, in another place, or was changed.
    package func open(_ sealed: ByteBuffer, number: UInt64, associated: [UInt8]) -> ByteBuffer? {
        let size = sealed.readableBytes - RecordSealer.overhead
        guard size >= 0, let nonce = try? nonce(number) else { return nil }
        let box = sealed.withUnsafeReadableBytes { bytes in
            try? AES.GCM.SealedBox(
                nonce: nonce, ciphertext: Slice(base: bytes, bounds: 0..<size), tag: Slice(base: bytes, bounds: size..<bytes.count))
        }
        guard let box else { return nil }
        for key in keys {
            if let plain = try? AES.GCM.open(box, using: key, authenticating: associated) { return ByteBuffer(bytes: plain) }
        }
        return nil
    }

    private func nonce(_ number: UInt64) throws -> AES.GCM.Nonce {
        var bytes = [UInt8](repeating: 0, count: 12)
        withUnsafeBytes(of: number.bigEndian) { bytes.replaceSubrange(4..., with: $0) }
        return try AES.GCM.Nonce(data: bytes)
    }
}

extension KeyRing {
    fileprivate func derivedKeys(salt: [UInt8], purpose: String) -> [SymmetricKey] {
        keys.map { HKDF<SHA256>.deriveKey(inputKeyMaterial: $0, salt: salt, info: Array(purpose.utf8), outputByteCount: KeyRing.keySize) }
    }
}
