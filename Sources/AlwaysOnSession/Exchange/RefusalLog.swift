import NIOCore

/// Lines about what a session refused or dropped: one a second at most, saying how many went before it unsaid.
struct RefusalLog {
    static let interval = TimeAmount.seconds(1)

    private var pending: (text: String, count: Int)?
    private var lastLine: NIODeadline?

    mutating func note(_ text: @autoclosure () -> String) {
        if let held = pending {
            pending = (held.text, held.count + 1)
        } else {
            pending = (text(), 1)
        }
    }

    /// The line that is due, if one is.
    mutating func take(now: NIODeadline) -> String? {
        guard let held = pending, lastLine.map({ now - $0 >= RefusalLog.interval }) ?? true else { return nil }
        pending = nil
        lastLine = now
        return held.count == 1 ? held.text : "\(held.text), and \(held.count - 1) more of this or another kind"
    }

    /// When a held line is due.
    var nextDeadline: NIODeadline {
        guard pending != nil, let lastLine else { return .distantFuture }
        return lastLine + RefusalLog.interval
    }
}
