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

/// Whether a text is as a pattern says in which some elements stand for any run, others for any one.
package enum Wildcards {
    package static func match<Element: Equatable>(
        _ text: some RandomAccessCollection<Element>, _ pattern: [Element], isRun: (Element) -> Bool, isOne: (Element) -> Bool
    ) -> Bool {
        var place = 0
        var next = text.startIndex
        // Behind the last run, and where that may grow to: all that ever has to be tried again.
        var retry: (place: Int, next: Int)?
        var passed = 0
        while next < text.endIndex {
            if place < pattern.count, isRun(pattern[place]) {
                place += 1
                retry = (place, passed)
            } else if place < pattern.count, isOne(pattern[place]) || pattern[place] == text[next] {
                place += 1
                passed += 1
            } else if let last = retry {
                retry = (last.place, last.next + 1)
                (place, passed) = (last.place, last.next + 1)
            } else {
                return false
            }
            next = text.index(text.startIndex, offsetBy: passed)
        }
        return pattern[place...].allSatisfy(isRun)
    }
}
