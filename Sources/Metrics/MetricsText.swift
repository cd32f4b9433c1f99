package import NIOCore

/// Metrics in the text format that Prometheus reads (text/plain; version=0.0.4).
///
/// Families are written whole, one after the other: that is what the format asks for, and what keeps a name from being exported twice.
package struct MetricsText: Sendable {
    package enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    /// Names and values of labels, in the order in which they are written.
    package typealias Labels = KeyValuePairs<String, String>

    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var body = ByteBuffer()
    private var names: Set<String> = []

    package init() {}

    /// A family with one sample that has no labels.
    package mutating func add(_ kind: Kind, _ name: String, _ help: String, _ value: Double) {
        family(kind, name, help) { $0.sample([:], value) }
    }

    package mutating func add(_ kind: Kind, _ name: String, _ help: String, _ value: Int) { add(kind, name, help, Double(value)) }

    /// A family, whose samples `body` writes.
    /// - Parameter name: after Prometheus' conventions: unit last, counters end with `_total`.
    package mutating func family(_ kind: Kind, _ name: String, _ help: String, _ body: (inout Family) -> Void) {
        guard names.insert(name).inserted else { return assertionFailure("\(name) a second time") }
        self.body.writeString("# HELP \(name) \(MetricsText.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n")
        var family = Family(name: name, body: self.body)
        self.body = ByteBuffer()
        body(&family)
        self.body = family.body
    }

    /// Samples of one family.
    package struct Family {
        fileprivate let name: String
        fileprivate var body: ByteBuffer

        package mutating func sample(_ labels: Labels, _ value: Int) { sample(labels, Double(value)) }

        package mutating func sample(_ labels: Labels, _ value: Double) { write("", labels, nil, value) }

        package mutating func histogram(_ labels: Labels, _ histogram: Histogram) {
            var count = 0
            for (bound, seen) in zip(Histogram.bounds, histogram.counts) {
                count += seen
                write("_bucket", labels, MetricsText.number(bound), Double(count))
            }
            write("_bucket", labels, "+Inf", Double(histogram.count))
            write("_sum", labels, nil, histogram.sum)
            write("_count", labels, nil, Double(histogram.count))
        }

        private mutating func write(_ suffix: String, _ labels: Labels, _ bound: String?, _ value: Double) {
            var pairs = labels.map { "\($0.key)=\"\(MetricsText.escaped($0.value, quotes: true))\"" }
            if let bound { pairs.append("le=\"\(bound)\"") }
            body.writeString("\(name)\(suffix)\(pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}") \(MetricsText.number(value))\n")
        }
    }

    private static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return String(whole) }
        if value.isNaN { return "NaN" }
        return value.isInfinite ? (value > 0 ? "+Inf" : "-Inf") : value.description
    }

    /// Byte by byte: a combining character behind a quote must not hide it.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || (quotes && $0 == 0x22) }) else { return text }
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x5C: bytes += [0x5C, 0x5C]
            case 0x0A: bytes += [0x5C, 0x6E]
            case 0x22 where quotes: bytes += [0x5C, 0x22]
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
