import ThingModel

/// The latest values of each series, which are not in blocks yet. They are on disk by batch (`tail`), here by series.
struct Tail {
    struct Series {
        var values: [HistoryValue] = []
        /// The batch that brought the first of them.
        var firstBatch: Int64 = 0
    }

    private(set) var series: [Int64: Series] = [:]
    private(set) var count = 0
    /// Series in the order in which their first value came; those that were emptied meanwhile are passed over.
    private var order: [(series: Int64, batch: Int64)] = []
    private var orderStart = 0

    mutating func append(_ value: HistoryValue, batch: Int64) {
        if series[value.series]?.values.isEmpty ?? true {
            series[value.series, default: Series()].firstBatch = batch
            order.append((value.series, batch))
        }
        series[value.series]?.values.append(value)
        count += 1
    }

    /// Takes all values of a series out.
    mutating func take(_ id: Int64) -> [HistoryValue] {
        guard let taken = series.removeValue(forKey: id) else { return [] }
        count -= taken.values.count
        return taken.values
    }

    /// The series that has waited for longest.
    mutating func oldest() -> Int64? {
        skip()
        return orderStart < order.count ? order[orderStart].series : nil
    }

    /// Batches before this one hold nothing that is not in blocks; nil: none does.
    mutating func firstNeededBatch() -> Int64? {
        skip()
        return orderStart < order.count ? order[orderStart].batch : nil
    }

    private mutating func skip() {
        while orderStart < order.count {
            let entry = order[orderStart]
            if let found = series[entry.series], found.firstBatch == entry.batch, !found.values.isEmpty { break }
            orderStart += 1
        }
        if orderStart > 1024, orderStart > order.count / 2 {
            order.removeFirst(orderStart)
            orderStart = 0
        }
    }
}
