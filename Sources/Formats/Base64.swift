public import NIOCore

/// Base64 (RFC 4648 §4) between buffers, without a string between.
public enum Base64 {
    static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var out = ByteBuffer()
        let source = ByteBuffer(bytes: bytes)
        source.withUnsafeReadableBytes { out.writeBase64($0) }
        return String(buffer: out)
    }

    /// nil where the text is not Base64. Padding may be left out; blanks and line ends are skipped.
    public static func decode(_ text: String) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode($0) }
    }

    public static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.count / 4 * 3 + 3)
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for byte in text {
            let six: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): six = byte - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): six = byte - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): six = byte + 4
            case UInt8(ascii: "+"), UInt8(ascii: "-"): six = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): six = 63
            case UInt8(ascii: "="):
                padding += 1
                continue
            case 0x20, 0x0A, 0x0D, 0x09: continue
            default: return nil
            }
            guard padding == 0 else { return nil }
            bits = bits << 6 | UInt32(six)
            count += 1
            if count % 4 == 0 {
                out.append(UInt8(truncatingIfNeeded: bits >> 16))
                out.append(UInt8(truncatingIfNeeded: bits >> 8))
                out.append(UInt8(truncatingIfNeeded: bits))
            }
        }
        switch count % 4 {
        case 0: break
        case 2: out.append(UInt8(truncatingIfNeeded: bits >> 4))
        case 3:
            out.append(UInt8(truncatingIfNeeded: bits >> 10))
            out.append(UInt8(truncatingIfNeeded: bits >> 2))
        default: return nil
        }
        return padding <= 2 ? out : nil
    }
}

extension ByteBuffer {
    /// Appends the Base64 form of these bytes.
    public mutating func writeBase64(_ bytes: UnsafeRawBufferPointer) {
        let length = (bytes.count + 2) / 3 * 4
        writeWithUnsafeMutableBytes(minimumWritableBytes: length) { out in
            let alphabet = Base64.alphabet.utf8Start
            var at = 0
            var index = 0
            while index < bytes.count {
                let left = bytes.count - index
                let b0 = bytes[index]
                let b1 = left > 1 ? bytes[index + 1] : 0
                let b2 = left > 2 ? bytes[index + 2] : 0
                out[at] = alphabet[Int(b0 >> 2)]
                out[at + 1] = alphabet[Int((b0 & 3) << 4 | b1 >> 4)]
                out[at + 2] = left > 1 ? alphabet[Int((b1 & 15) << 2 | b2 >> 6)] : UInt8(ascii: "=")
                out[at + 3] = left > 2 ? alphabet[Int(b2 & 63)] : UInt8(ascii: "=")
                at += 4
                index += 3
            }
            return at
        }
    }
}
