/// Who a request is, so that a platform works on it once however often it comes: an extension in request headers, which platforms that
/// do not know it pass over.
///
/// `X-Message-Id: <epoch>.<number>` says it of one request. A push that was made of several says it of each, with how many rows are
/// its own: `<epoch>.<first number>:<rows>,<rows>*<times>…`, in several headers where one (127 bytes) does not do. The numbers of one
/// epoch count up for each name that requests are sent to; an epoch is one to ten digits of base 64 (`A-Z a-z 0-9 - _`).
public struct MessageIdentity: Sendable, Hashable {
    /// The header field that carries it.
    public static let header = "X-Message-Id"
    /// When a request was accepted that is delivered later: milliseconds since 1970 UTC, then ` unsynchronized` where no clock told
    /// them that had been set.
    public static let timeHeader = "X-Message-Time"
    /// The word for a time that was taken while the clock was not set.
    public static let unsynchronized = "unsynchronized"

    /// Chosen at random by each process that numbers requests.
    public var epoch: UInt64
    /// Counts up within an epoch.
    public var number: UInt64

    /// - Parameters:
    ///   - epoch: random, new with each start of the sender.
    ///   - number: the message's within it.
    public init(epoch: UInt64, number: UInt64) {
        self.epoch = epoch
        self.number = number
    }

    /// An epoch of a new process. So short that the text of an identity is kept without a heap for the first million numbers.
    public static func newEpoch() -> UInt64 { .random(in: 1..<1 << 48) }

    /// As it is written into the header field: the epoch in base 64, a dot, the number in decimal.
    public var text: String {
        String(unsafeUninitializedCapacity: 32) { buffer in
            let end = MessageIdentity.write(epoch, base64To: buffer, at: 0)
            buffer[end] = UInt8(ascii: ".")
            return MessageIdentity.write(number, decimalTo: buffer, at: end + 1)
        }
    }

    /// The header field, ready to be put into a request.
    public var field: Request.HeaderField { .init(name: MessageIdentity.header, value: text) }

    /// Reads `<epoch>.<number>`.
    public init?(_ text: some StringProtocol) {
        var epoch: UInt64 = 0
        var number: UInt64 = 0
        var digits = 0
        var isNumber = false
        for byte in text.utf8 {
            if isNumber {
                let digit = UInt64(byte &- UInt8(ascii: "0"))
                let (tens, tooLarge) = number.multipliedReportingOverflow(by: 10)
                guard digit <= 9, !tooLarge, tens <= .max - digit else { return nil }
                number = tens + digit
                digits += 1
            } else if byte == UInt8(ascii: ".") {
                guard (1...10).contains(digits) else { return nil }
                (isNumber, digits) = (true, 0)
            } else {
                guard let digit = MessageIdentity.digit(byte) else { return nil }
                // More than ten are refused at the dot.
                epoch = epoch << 6 | UInt64(digit)
                digits += 1
            }
        }
        guard isNumber, digits > 0 else { return nil }
        self.init(epoch: epoch, number: number)
    }

    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }

    /// - Returns: where it ends.
    private static func write(_ number: UInt64, base64To buffer: UnsafeMutableBufferPointer<UInt8>, at start: Int) -> Int {
        let count = max((64 - number.leadingZeroBitCount + 5) / 6, 1)
        for index in 0..<count {
            buffer[start + index] = alphabet.utf8Start[Int(number >> UInt64(6 * (count - 1 - index)) & 63)]
        }
        return start + count
    }

    private static func write(_ number: UInt64, decimalTo buffer: UnsafeMutableBufferPointer<UInt8>, at start: Int) -> Int {
        var count = 1
        var rest = number / 10
        while rest > 0 {
            rest /= 10
            count += 1
        }
        rest = number
        for index in (0..<count).reversed() {
            buffer[start + index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        return start + count
    }

    // MARK: Several in one

    /// One of the requests that a push was made of.
    public struct Part: Sendable, Equatable {
        /// What the part is called.
        public var identity: MessageIdentity
        /// Rows of the push that are its own; nil: all.
        public var rows: Int?

        /// - Parameters:
        ///   - identity: what the part is called.
        ///   - rows: how many rows of the message are the part's; nil: all.
        public init(_ identity: MessageIdentity, rows: Int?) {
            self.identity = identity
            self.rows = rows
        }
    }

    /// The headers that name these parts, in their order.
    public static func fields(of parts: [Part]) -> [Request.HeaderField] {
        var fields: [Request.HeaderField] = []
        var index = 0
        while index < parts.count {
            let first = parts[index]
            guard let rows = first.rows else {
                fields.append(first.identity.field)
                index += 1
                continue
            }
            var value = "\(first.identity.text):"
            var next = index
            var count = rows
            while true {
                var end = next
                while end < parts.count, follows(parts[end], first, by: end - index), parts[end].rows == count { end += 1 }
                let item = end - next > 1 ? "\(count)*\(end - next)" : "\(count)"
                let separator = next == index ? "" : ","
                guard next == index || value.utf8.count + separator.utf8.count + item.utf8.count < 120 else { break }
                value += separator + item
                next = end
                guard next < parts.count, follows(parts[next], first, by: next - index), let rows = parts[next].rows else { break }
                count = rows
            }
            fields.append(.init(name: header, value: value))
            index = next
        }
        return fields
    }

    private static func follows(_ part: Part, _ first: Part, by distance: Int) -> Bool {
        part.identity.epoch == first.identity.epoch && part.identity.number == first.identity.number &+ UInt64(distance)
    }

    /// What a request that was not joined is called; nil where it does not say, or is a joined one.
    public static func single(in headers: [Request.HeaderField]) -> MessageIdentity? {
        guard let first = headers.first, first.name == header else { return nil }
        return MessageIdentity(first.value)
    }

    /// The parts that a request's headers name; none where they name none, or say what cannot be read.
    ///
    /// - Parameters:
    ///   - headers: all fields of the request.
    ///   - most: more parts than this are not believed.
    public static func parts(in headers: [Request.HeaderField], most: Int = 65_536) -> [Part] {
        var parts: [Part] = []
        for field in headers where field.name == header {
            guard let colon = field.value.utf8.firstIndex(of: UInt8(ascii: ":")) else {
                guard let identity = MessageIdentity(field.value) else { return [] }
                parts.append(Part(identity, rows: nil))
                continue
            }
            guard var identity = MessageIdentity(field.value[..<colon]) else { return [] }
            for item in field.value[field.value.index(after: colon)...].split(separator: ",", omittingEmptySubsequences: false) {
                let halves = item.split(separator: "*", omittingEmptySubsequences: false)
                guard let rows = Int(halves[0]), rows >= 0, rows <= most, halves.count <= 2,
                    let times = halves.count == 2 ? Int(halves[1]) : 1, times > 0,
                    times <= most - parts.count
                else { return [] }
                for _ in 0..<times {
                    parts.append(Part(identity, rows: rows))
                    identity.number &+= 1
                }
            }
        }
        return parts
    }
}

/// Numbers of one epoch that have been seen, as ranges: those that come in order are one.
public struct SeenNumbers: Sendable, Equatable {
    private var ranges: [ClosedRange<UInt64>] = []
    private static let most = 64

    /// No numbers.
    public init() {}

    /// Reads what `text` is; nil where it is something else.
    package init?(text: some StringProtocol) {
        for item in text.split(separator: ",") {
            let ends = item.split(separator: "-").compactMap { UInt64($0) }
            guard (1...2).contains(ends.count), let first = ends.first, let last = ends.last, first <= last,
                ranges.last.map({ $0.upperBound < first }) ?? true
            else { return nil }
            ranges.append(first...last)
        }
    }

    /// Such as `1-17,19`.
    package var text: String {
        ranges.map { $0.lowerBound == $0.upperBound ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }

    /// Whether the number was put in before.
    public func contains(_ number: UInt64) -> Bool { ranges.last { $0.lowerBound <= number }?.contains(number) ?? false }

    /// Puts a number in; once more does nothing.
    public mutating func insert(_ number: UInt64) {
        guard let index = ranges.lastIndex(where: { $0.lowerBound <= number }) else { return put(number...number, at: 0) }
        guard !ranges[index].contains(number) else { return }
        guard ranges[index].upperBound + 1 == number else { return put(number...number, at: index + 1) }
        ranges[index] = ranges[index].lowerBound...number
        join(index)
    }

    private mutating func put(_ range: ClosedRange<UInt64>, at index: Int) {
        ranges.insert(range, at: index)
        join(index)
        // Old gaps are of requests that nobody repeats any more.
        if ranges.count > SeenNumbers.most { ranges.replaceSubrange(0..<2, with: [ranges[0].lowerBound...ranges[1].upperBound]) }
    }

    /// Joins a range with the one behind it where they touch.
    private mutating func join(_ index: Int) {
        guard index + 1 < ranges.count, ranges[index].upperBound &+ 1 == ranges[index + 1].lowerBound else { return }
        ranges.replaceSubrange(index...index + 1, with: [ranges[index].lowerBound...ranges[index + 1].upperBound])
    }
}
