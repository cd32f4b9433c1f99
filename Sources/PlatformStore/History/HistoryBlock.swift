import NIOCore

/// Some hundred values of one series in a row of the table `block`, with what a chart wants to know of all of them.
struct HistoryBlock {
    /// More than this many values are not put into one.
    static let most = 1024

    var series: Int64
    var first: Int64
    var last: Int64
    var count: Int
    /// Of the values that are numbers.
    var numbers = 0
    var minimum = 0.0
    var maximum = 0.0
    var sum = 0.0
    var lastNumber = 0.0
    var data: ByteBuffer

    /// - Parameter values: of one series, in order of time; at least one.
    init(_ values: [HistoryValue]) {
        series = values.first?.series ?? 0
        first = values.first?.time ?? 0
        last = values.last?.time ?? 0
        count = values.count
        data = ByteBuffer()
        data.write(
            values.lazy.map { value in
                var value = value
                // The row has it.
                value.series = 0
                return value
            })
        for value in values {
            guard let number = value.number else { continue }
            if numbers == 0 { (minimum, maximum) = (number, number) }
            minimum = min(minimum, number)
            maximum = max(maximum, number)
            sum += number
            lastNumber = number
            numbers += 1
        }
    }

    /// The values of a block, of the series that its row names.
    static func values(_ data: ByteBuffer, series: Int64) -> [HistoryValue] {
        var data = data
        var values = data.readHistory()
        for index in values.indices { values[index].series = series }
        return values
    }
}

/// Gathers values into the points of a chart.
struct ChartGathering {
    private let start: Int64
    private let width: Int64
    /// By their place; those without values are nil.
    private var points: [Point?]

    private struct Point {
        var first: Int64
        var last: Int64
        var count: Int
        var minimum: Double
        var maximum: Double
        var sum: Double
        var lastNumber: Double
    }

    /// - Parameter most: points at most.
    init(span: ClosedRange<Int64>, most: Int) {
        start = span.lowerBound
        let length = span.upperBound.subtractingReportingOverflow(span.lowerBound)
        let all = length.overflow ? Int64.max : length.partialValue
        width = max(all / Int64(max(most, 1)), 0).addingReportingOverflow(1).partialValue
        points = Array(repeating: nil, count: max(most, 1))
    }

    private func place(of time: Int64) -> Int {
        let place = time.subtractingReportingOverflow(start).partialValue / max(width, 1)
        return min(max(Int(truncatingIfNeeded: place), 0), points.count - 1)
    }

    /// Whether all values between the two times fall into one point.
    func isOne(_ first: Int64, _ last: Int64) -> Bool { place(of: first) == place(of: last) }

    mutating func add(first: Int64, last: Int64, count: Int, minimum: Double, maximum: Double, sum: Double, lastNumber: Double) {
        let place = place(of: first)
        guard var point = points[place] else {
            points[place] = Point(
                first: first, last: last, count: count, minimum: minimum, maximum: maximum, sum: sum, lastNumber: lastNumber)
            return
        }
        point.first = min(point.first, first)
        if last >= point.last { (point.last, point.lastNumber) = (last, lastNumber) }
        point.count += count
        point.minimum = min(point.minimum, minimum)
        point.maximum = max(point.maximum, maximum)
        point.sum += sum
        points[place] = point
    }

    mutating func add(_ value: HistoryValue) {
        guard let number = value.number else { return }
        add(first: value.time, last: value.time, count: 1, minimum: number, maximum: number, sum: number, lastNumber: number)
    }

    /// In order of time.
    func result() -> [(time: Int64, count: Int, minimum: Double, maximum: Double, sum: Double, last: Double)] {
        points.compactMap { point in point.map { ($0.first, $0.count, $0.minimum, $0.maximum, $0.sum, $0.lastNumber) } }
    }
}
