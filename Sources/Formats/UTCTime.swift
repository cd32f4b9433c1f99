/// A moment as calendar fields in UTC, computed without a time-zone database.
public struct UTCTime: Sendable, Equatable {
    public var year, month, day, hour, minute, second, millisecond: Int

    /// - Parameter milliseconds: since 1970-01-01T00:00:00Z; negative before it. Clamped to the years −9999 to 9999.
    public init(milliseconds: Int64) {
        let bounded = min(max(milliseconds, -377_673_580_800_000), 253_402_300_799_999)
        let dayLength: Int64 = 86_400_000
        var days = bounded / dayLength
        var rest = Int(bounded % dayLength)
        if rest < 0 {
            rest += Int(dayLength)
            days -= 1
        }
        (year, month, day) = UTCTime.civil(days: Int(days))
        millisecond = rest % 1000
        second = rest / 1000 % 60
        minute = rest / 60_000 % 60
        hour = rest / 3_600_000
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var milliseconds: Int64 {
        let days = Int64(UTCTime.days(year: year, month: month, day: day))
        return ((days * 24 + Int64(hour)) * 60 + Int64(minute)) * 60_000 + Int64(second) * 1000 + Int64(millisecond)
    }

    /// `2026-05-01T12:30:00.250Z`
    public var iso8601: String {
        "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(hour, 2)):\(pad(minute, 2)):\(pad(second, 2)).\(pad(millisecond, 3))Z"
    }

    /// `2026-05-01 12:30:00,250`, the form of log lines (ems.md §7.3).
    public var logForm: String {
        "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2)) \(pad(hour, 2)):\(pad(minute, 2)):\(pad(second, 2)),\(pad(millisecond, 3))"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Fri, 01 May 2026 12:30:00 GMT`, as HTTP has it (RFC 9110 §5.6.7).
    public var imfFixdate: String {
        // 1970 began on a Thursday.
        let weekday = ((UTCTime.days(year: year, month: month, day: day) + 4) % 7 + 7) % 7
        return
            "\(UTCTime.weekdays[weekday]), \(pad(day, 2)) \(UTCTime.months[month - 1]) \(pad(year, 4)) \(pad(hour, 2)):\(pad(minute, 2)):\(pad(second, 2)) GMT"
    }

    /// Reads the same; nil for anything else.
    public init?(imfFixdate text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT",
            let month = UTCTime.months.firstIndex(where: { $0 == words[2] }),
            words[1].utf8.count == 2, words[3].utf8.count == 4
        else { return nil }
        let digits = "\(words[3])-\(month < 9 ? "0" : "")\(month + 1)-\(words[1])T\(words[4])Z"
        self.init(iso8601: digits)
    }

    /// Reads ISO 8601: a date, or date and time with an optional fraction and `Z` or an offset (none means UTC).
    public init?(iso8601 text: String) {
        var scanner = Scanner(Array(text.utf8))
        guard let year = scanner.digits(4), scanner.skip("-"), let month = scanner.digits(2), scanner.skip("-"),
            let day = scanner.digits(2), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var hour = 0, minute = 0, second = 0, millisecond = 0, offset = 0
        if scanner.skip("T") || scanner.skip(" ") {
            guard let h = scanner.digits(2), scanner.skip(":"), let m = scanner.digits(2), h < 24, m < 60 else { return nil }
            (hour, minute) = (h, m)
            if scanner.skip(":") {
                guard let s = scanner.digits(2), s <= 60 else { return nil }
                second = s
                if scanner.skip(".") || scanner.skip(",") {
                    guard let fraction = scanner.fraction() else { return nil }
                    millisecond = fraction
                }
            }
            guard let zone = scanner.zone() else { return nil }
            offset = zone
        }
        guard scanner.isAtEnd else { return nil }
        var time = UTCTime(milliseconds: 0)
        (time.year, time.month, time.day) = (year, month, day)
        (time.hour, time.minute, time.second, time.millisecond) = (hour, minute, second, millisecond)
        self = UTCTime(milliseconds: time.milliseconds - Int64(offset) * 60_000)
    }

    // Days from the civil calendar, counted in eras of 400 years that begin on 1 March.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(days: Int) -> (Int, Int, Int) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private func pad(_ number: Int, _ width: Int) -> String {
        let digits = String(number.magnitude)
        return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private struct Scanner {
        let bytes: [UInt8]
        var position = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { position == bytes.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            guard bytes.count - position >= count else { return nil }
            var value = 0
            for byte in bytes[position..<position + count] {
                let digit = byte &- UInt8(ascii: "0")
                guard digit < 10 else { return nil }
                value = value * 10 + Int(digit)
            }
            position += count
            return value
        }

        /// Any number of digits, as milliseconds.
        mutating func fraction() -> Int? {
            var value = 0, scale = 100, count = 0
            while let digit = digits(1) {
                value += digit * scale
                scale /= 10
                count += 1
            }
            return count > 0 ? value : nil
        }

        /// Minutes east of UTC.
        mutating func zone() -> Int? {
            if isAtEnd || skip("Z") { return 0 }
            let sign = skip("+") ? 1 : skip("-") ? -1 : 0
            guard sign != 0, let hours = digits(2) else { return nil }
            _ = skip(":")
            return sign * (hours * 60 + (digits(2) ?? 0))
        }
    }
}
