import Glibc

/// Bytes written whole, with as few calls as the system allows: one, as a rule.
package enum WholeText {
    /// What cannot be written is left out: whoever read it may have gone.
    package static func write(_ text: String, to file: Int32) {
        var text = text
        text.withUTF8 { _ = write(UnsafeRawBufferPointer($0), to: file) }
    }

    /// - Returns: how many bytes were written.
    static func write(_ bytes: UnsafeRawBufferPointer, to file: Int32) -> Int {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(file, rest.baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { break }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        return bytes.count - rest.count
    }
}
