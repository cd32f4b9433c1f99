/// Names in a sentence: the first few, and how many more there are. A peer decides how many names and how long ones it sends.
struct NameList: CustomStringConvertible {
    private static let shown = 5
    private static let longest = 64

    private let names: [String]

    init(_ names: [String]) { self.names = names }

    var description: String {
        let shown = names.prefix(NameList.shown).map { $0.count > NameList.longest ? "\($0.prefix(NameList.longest))…" : $0 }
        return shown.joined(separator: ", ") + (names.count > NameList.shown ? " and \(names.count - NameList.shown) more" : "")
    }
}
