import AlwaysOn
import Formats
import ThingModel

/// A QUERY parameter: filters and sorts over rows (platform.md §5).
struct QueryFilter {
    indirect enum Filter {
        case all([Filter])
        case any([Filter])
        case compare(String, field: String, Value)
        case like(TextPattern, field: String, isNegated: Bool)
        case oneOf([Value], field: String, isNegated: Bool)
        case between(Value, Value, field: String, isNegated: Bool)
        case missing(field: String, isNegated: Bool)
        case tagged(Set<String>, field: String, isNegated: Bool)
        case near(Location, metres: Double, field: String, isNegated: Bool)
    }

    struct Sort {
        var field: String
        var isAscending: Bool
        var isCaseSensitive: Bool
    }

    var filter: Filter?
    var sorts: [Sort] = []

    /// - Throws: `ServiceFailure`, with what was expected.
    init(_ json: JSONValue?) throws {
        guard let json, json != .null else { return }
        guard let object = json.object else { throw ServiceFailure(.badRequest, "query: expected an object with filters and sorts") }
        // A filter without `filters` around it, which AND and OR have as well, says its type.
        if object["type"] != nil {
            filter = try QueryFilter.filter(json, depth: 0)
        } else if let filters = object["filters"], filters != .null {
            filter = try QueryFilter.filter(filters, depth: 0)
        }
        for item in object["sorts"]?.array ?? [] {
            guard let field = item["fieldName"]?.string else { throw ServiceFailure(.badRequest, "query.sorts: expected a fieldName") }
            sorts.append(
                Sort(
                    field: field, isAscending: item["isAscending"]?.looseBool ?? true,
                    isCaseSensitive: item["isCaseSensitive"]?.looseBool ?? true))
        }
    }

    private static func filter(_ json: JSONValue, depth: Int) throws -> Filter {
        guard depth < 16 else { throw ServiceFailure(.badRequest, "query.filters: nested deeper than 16") }
        if let list = json.array { return .all(try list.map { try filter($0, depth: depth + 1) }) }
        guard let type = json["type"]?.string?.uppercased() else { throw ServiceFailure(.badRequest, "query.filters: expected a type") }
        if type == "AND" || type == "OR" {
            let parts = try (json["filters"]?.array ?? []).map { try filter($0, depth: depth + 1) }
            return type == "AND" ? .all(parts) : .any(parts)
        }
        guard let field = json["fieldName"]?.string else {
            throw ServiceFailure(.badRequest, "query.filters: expected a fieldName for \(type)")
        }
        let value = { (name: String) in json[name].flatMap { Value(plain: $0) } ?? .nothing }
        let isNegated = type.hasPrefix("NOT")
        switch isNegated ? String(type.dropFirst(3)) : type {
        case "EQ", "NE", "GT", "GE", "LT", "LE": return .compare(type, field: field, value("value"))
        case "LIKE": return .like(.mask(value("value").text ?? ""), field: field, isNegated: isNegated)
        case "MATCHES": return .like(try .expression(json["expression"]?.string ?? ""), field: field, isNegated: isNegated)
        case "IN": return .oneOf((json["values"]?.array ?? []).compactMap { Value(plain: $0) }, field: field, isNegated: isNegated)
        case "BETWEEN": return .between(value("from"), value("to"), field: field, isNegated: isNegated)
        case "MISSINGVALUE": return .missing(field: field, isNegated: isNegated)
        case "TAGGED": return .tagged(Set(json["tags"]?.tags ?? []), field: field, isNegated: isNegated)
        case "NEAR":
            guard case .location(let place)? = json["location"].flatMap({ Value(json: $0, as: .location) }),
                let distance = json["distance"]?.looseDouble
            else {
                throw ServiceFailure(.badRequest, "query.filters: NEAR: expected a location and a distance")
            }
            let metres: [String: Double] = ["M": 1609.344, "MILES": 1609.344, "N": 1852, "NAUTICAL": 1852]
            let unit = json["units"]?.string?.uppercased() ?? ""
            return .near(place, metres: distance * (metres[unit] ?? 1000), field: field, isNegated: isNegated)
        default: throw ServiceFailure(.badRequest, "query.filters: there is no type \(type)")
        }
    }

    func matches(_ cell: (String) -> Value) -> Bool { filter.map { QueryFilter.matches($0, cell) } ?? true }

    private static func matches(_ filter: Filter, _ cell: (String) -> Value) -> Bool {
        switch filter {
        case .all(let parts): return parts.allSatisfy { matches($0, cell) }
        case .any(let parts): return parts.contains { matches($0, cell) }
        case .compare(let type, let field, let value): return compare(type, cell(field).unwrapped, value)
        case .like(let pattern, let field, let isNegated): return pattern.matches(cell(field).text ?? "") != isNegated
        case .oneOf(let values, let field, let isNegated):
            let found = cell(field).unwrapped
            return values.contains { compare("EQ", found, $0) } != isNegated
        case .between(let from, let to, let field, let isNegated):
            let found = cell(field).unwrapped
            return (compare("GE", found, from) && compare("LE", found, to)) != isNegated
        case .missing(let field, let isNegated):
            let found = cell(field).unwrapped
            return (found == .nothing || found.text == "") != isNegated
        case .tagged(let tags, let field, let isNegated):
            return tags.isSubset(of: (cell(field).text ?? "").split(separator: ";").map(String.init)) != isNegated
        case .near(let place, let metres, let field, let isNegated):
            guard case .location(let found) = cell(field).unwrapped else { return isNegated }
            return (place.distance(to: found) <= metres) != isNegated
        }
    }

    private static func compare(_ type: String, _ found: Value, _ value: Value) -> Bool {
        let order = order(found, value)
        return switch type {
        case "EQ": order == 0
        case "NE": order != 0
        case "GT": order.map { $0 > 0 } ?? false
        case "GE": order.map { $0 >= 0 } ?? false
        case "LT": order.map { $0 < 0 } ?? false
        default: order.map { $0 <= 0 } ?? false
        }
    }

    /// -1, 0 or 1; nil where the two cannot be compared.
    static func order(_ one: Value, _ other: Value, isCaseSensitive: Bool = true) -> Int? {
        if one == .nothing || other == .nothing { return one == other ? 0 : nil }
        if case .datetime(let time) = one, case .datetime(let end)? = other.coerced(to: .datetime) {
            return time < end ? -1 : time == end ? 0 : 1
        }
        if one.baseType == .boolean, let flag = other.boolValue { return one.boolValue == flag ? 0 : flag ? -1 : 1 }
        if let number = one.doubleValue, let limit = other.doubleValue { return number < limit ? -1 : number == limit ? 0 : 1 }
        guard var text = one.text, var end = other.text else { return one == other ? 0 : nil }
        if !isCaseSensitive { (text, end) = (text.lowercased(), end.lowercased()) }
        return text < end ? -1 : text == end ? 0 : 1
    }

    /// Rows that match, sorted, so many at most.
    func applied(to rows: [[Value]], _ shape: DataShape, most: Int) -> [[Value]] {
        var found = filter == nil ? rows : rows.filter { row in matches { name in shape.index(of: name).map { row[$0] } ?? .nothing } }
        for sort in sorts.reversed() {
            guard let column = shape.index(of: sort.field) else { continue }
            // A stable sort, so that the sorts before it hold among equals.
            found = found.enumerated().sorted { one, other in
                let order =
                    QueryFilter.order(one.element[column].unwrapped, other.element[column].unwrapped, isCaseSensitive: sort.isCaseSensitive)
                    ?? 0
                if order == 0 { return one.offset < other.offset }
                return sort.isAscending ? order < 0 : order > 0
            }.map(\.element)
        }
        return Array(found.prefix(most))
    }
}

extension Location {
    /// Metres on a sphere.
    fileprivate func distance(to other: Location) -> Double {
        let radians = Double.pi / 180
        let (from, to) = (latitude * radians, other.latitude * radians)
        let east = (other.longitude - longitude) * radians
        let cosine = from.sine * to.sine + from.cosine * to.cosine * east.cosine
        return 6_371_000 * min(max(cosine, -1), 1).arcCosine
    }
}
