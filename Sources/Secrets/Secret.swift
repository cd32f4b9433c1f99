/// A text that must not be seen: printing, interpolating or reflecting it shows `***`. `reveal()` is the one way to it.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    package init(_ text: String) { self.text = text }

    package func reveal() -> String { text }

    package var isEmpty: Bool { text.isEmpty }
    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// In constant time for texts of equal length.
    package static func == (left: Secret, right: Secret) -> Bool { left.matches(right.text) }

    /// Compares without telling by its duration how much of `other` was right.
    package func matches(_ other: String) -> Bool {
        let mine = Array(text.utf8)
        let theirs = Array(other.utf8)
        var difference: UInt8 = mine.count == theirs.count ? 0 : 1
        for index in theirs.indices {
            difference |= theirs[index] ^ (mine.isEmpty ? 0xFF : mine[index % mine.count])
        }
        return difference == 0
    }
}
