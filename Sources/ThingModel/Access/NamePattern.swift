import Formats

/// A name, or a pattern in which each `*` stands for any run of characters, none included.
///
/// Compared byte by byte: a character that joins the one before it does not hide that one.
package struct NamePattern: Sendable, Hashable {
    private let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The one name that it stands for; nil where it is a pattern.
    package var name: String? { bytes.contains(UInt8(ascii: "*")) ? nil : text }

    package func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { matches($0) }
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        Wildcards.match(name, bytes, isRun: { $0 == UInt8(ascii: "*") }, isOne: { _ in false })
    }
}
