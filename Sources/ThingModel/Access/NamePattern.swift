/// A name, or a pattern in which each `*` stands for any run of characters, none included.
///
/// Compared byte by byte: a character that joins the one before it does not hide that one.
package struct NamePattern: Sendable, Hashable {
    private let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The one name that it stands for; nil where it is a pattern.
    package var name: String? { bytes.contains(UInt8(ascii: "*")) ? nil : text }

    package var matchesAll: Bool { !bytes.isEmpty && bytes.allSatisfy { $0 == UInt8(ascii: "*") } }

    package func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { matches($0) }
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var (place, next) = (0, 0)
        // Behind the last star, and where the run that it stands for may grow to.
        var retry: (place: Int, next: Int)?
        while next < name.count {
            if place < bytes.count, bytes[place] == UInt8(ascii: "*") {
                place += 1
                retry = (place, next)
            } else if place < bytes.count, bytes[place] == name[next] {
                place += 1
                next += 1
            } else if let last = retry {
                retry = (last.place, last.next + 1)
                (place, next) = (last.place, last.next + 1)
            } else {
                return false
            }
        }
        return bytes[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
