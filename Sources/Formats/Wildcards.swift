/// Whether a text is as a pattern says in which some elements stand for any run, others for any one.
public enum Wildcards {
    public static func match<Element: Equatable>(
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
