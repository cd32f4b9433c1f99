import Glibc
import ProgramSupport

/// How far a copy is, in one line that is written over; one line at the end where nobody looks.
struct ProgressLine {
    private let isShown = isatty(STDERR_FILENO) != 0
    private let name: String
    private let began = ContinuousClock.now
    private var first: Int?
    private static let barWidth = 24

    init(_ name: String) { self.name = name.count > 32 ? String(name.prefix(31)) + "…" : name }

    /// Bytes that are there, and those of all.
    mutating func show(_ done: Int, of size: Int, _ note: String = "") {
        if first == nil { first = done }
        guard isShown else { return }
        let share = size > 0 ? min(Double(done) / Double(size), 1) : 0
        let filled = Int(share * Double(ProgressLine.barWidth))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: ProgressLine.barWidth - filled)
        let rate = rate(done)
        let left = rate > 0 ? ProgressLine.time(Double(size - done) / rate) : "--:--"
        let text = note.isEmpty ? "\(ProgressLine.bytes(rate))/s  \(left)" : note
        write("\r\u{1B}[K\(name)  \(bar) \(Int(share * 100)) %  \(ProgressLine.bytes(Double(done)))  \(text)")
    }

    func end(_ size: Int) {
        let all = "\(ProgressLine.bytes(Double(size))) in \(ProgressLine.time(passed))"
        write("\(isShown ? "\r\u{1B}[K" : "")\(name)  \(all)  \(ProgressLine.bytes(rate(size)))/s\n")
    }

    /// Leaves the line as it is.
    func leave() { if isShown { write("\n") } }

    /// Bytes a second.
    private func rate(_ done: Int) -> Double { Double(done - (first ?? 0)) / max(passed, 0.001) }

    /// Seconds.
    private var passed: Double {
        let passed = (ContinuousClock.now - began).components
        return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
    }

    private func write(_ text: String) { Console.note(text) }

    static func time(_ seconds: Double) -> String {
        let whole = Int(min(max(seconds, 0), 359_999).rounded(.up))
        let clock = "\(whole / 60 % 60 < 10 && whole >= 3600 ? "0" : "")\(whole / 60 % 60):\(whole % 60 < 10 ? "0" : "")\(whole % 60)"
        return whole >= 3600 ? "\(whole / 3600):\(clock)" : clock
    }

    static func bytes(_ count: Double) -> String {
        var (value, unit) = (count, 0)
        while value >= 1000, unit < 4 { (value, unit) = (value / 1000, unit + 1) }
        let text = unit == 0 || value >= 100 ? "\(Int(value.rounded()))" : "\(Double(Int(value * 10)) / 10)"
        return "\(text) \(["B", "kB", "MB", "GB", "TB"][unit])"
    }
}
