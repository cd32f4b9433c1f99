import AlwaysOn
import EdgeREST
import Formats
import NIOCore
import ThingModel

/// Services for the history of values (platform.md §10).
extension ServiceTables {
    private static let span = "startDate DATETIME, endDate DATETIME"

    static let historyServices: [Service] =
        [
            Service(
                "QueryPropertyHistory", .read, "The history of all logged properties: a row a time",
                "maxItems NUMBER=500, \(span), oldestFirst BOOLEAN=false, query QUERY, fillOption=Previous",
                "INFOTABLE"
            ) { try $0.queryHistory($1, nil) },
            Service(
                "QueryNamedPropertyHistory", .read, "The history of some properties: a row a time",
                "propertyNames INFOTABLE!, maxItems NUMBER=500, \(span), oldestFirst BOOLEAN=false, query QUERY, fillOption=Previous",
                "INFOTABLE"
            ) { platform, call in
                guard let names = try call.names("propertyNames") else {
                    throw ServiceFailure(.notFound, "\(call.service): the parameter propertyNames is missing")
                }
                return try platform.queryHistory(call, names)
            },
            Service("GetLoggedProperties", .view, "Properties with a history", "type", "INFOTABLE:PropertyDefinition") { platform, call in
                let type = try call.string("type")?.uppercased()
                return .table(
                    platform.propertyDefinitions(of: call.entity) { $1.isLogged && (type ?? $1.baseType.name) == $1.baseType.name })
            },
            Service("GetNumericLoggedProperties", .view, "Numbers with a history", "", "INFOTABLE:PropertyDefinition") { platform, call in
                .table(platform.propertyDefinitions(of: call.entity) { $1.isLogged && ($1.baseType == .number || $1.baseType == .integer) })
            },
            Service("SetPropertyLogging", .update, "Whether a property has a history", "propertyName!, enabled BOOLEAN!") {
                platform, call in
                let isLogged = try call.bool("enabled") ?? false
                try platform.changeProperty(try call.required("propertyName"), call) { $0.isLogged = isLogged }
                return .nothing
            },
            Service("GetPropertyLogging", .view, "Whether a property has a history", "propertyName!", "BOOLEAN") {
                .value(.boolean(try $0.definition($1).isLogged))
            },
            Service(
                "GetEffectivePropertyLogging", .view, "Whether a property has a history, and somewhere to keep it", "propertyName!",
                "BOOLEAN"
            ) { platform, call in
                let isLogged = try platform.definition(call).isLogged
                let hasStream =
                    platform.model[thing: call.entity.name].map {
                        platform.settings.hasDefaultStream || !platform.model.valueStream(of: $0).isEmpty
                    } ?? false
                return .value(.boolean(isLogged && hasStream))
            },
            Service(
                "PurgePropertyHistory", .update, "Removes the history of a property, both ends of the span within",
                "propertyName!, \(span), immediate BOOLEAN=false"
            ) {
                try $0.purge($1, [try $1.required("propertyName")])
            },
            Service("PurgeAllPropertyHistory", .update, "Removes the history of all properties", "\(span), immediate BOOLEAN=false") {
                try $0.purge($1, nil)
            },
            Service(
                "PurgeSelectedPropertyHistory", .update, "Removes the history of some properties",
                "propertiesToPurge INFOTABLE!, \(span), immediate BOOLEAN=false"
            ) { platform, call in
                try platform.purge(call, try call.names("propertiesToPurge") ?? [])
            },
            Service(
                "QueryChart", .read, "The history of a property for a chart: least, greatest and mean value of equal stretches of time",
                "propertyName!, points NUMBER=500, \(span)",
                "INFOTABLE:ChartPoint"
            ) { try $0.queryChart($1) },
        ]
        + (typed + [("InfoTable", .infotable)]).flatMap { word, type in
            [
                Service(
                    "Query\(word)PropertyHistory", .read, "The history of a property, value by value",
                    "propertyName!, maxItems NUMBER=500, \(span), oldestFirst BOOLEAN=false, query QUERY",
                    "INFOTABLE:\(word)ValueStream"
                ) { try $0.queryHistory($1, of: type, word) },
                Service(
                    "Add\(word)ValueStreamEntry", .write, "Adds to the history of a property; its value stays",
                    "propertyName!, value \(type.name)!, timestamp DATETIME, quality=GOOD"
                ) {
                    try $0.addHistory($1, type)
                },
            ]
        }
}

extension Platform {
    func definition(_ call: ServiceCall) throws -> PropertyDefinition {
        let name = try call.required("propertyName")
        guard let definition = effective(of: call.entity).properties[name] else {
            throw ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)")
        }
        return definition
    }

    /// Values of one property that a query may look through; more than that is never answered at once.
    private static let mostLookedAt = 100_000
    /// What a value counts as where long work is told from short.
    private static let bytesOfValue = 64

    // MARK: Several properties

    /// A row for each time at which one of the properties has a value, so many values of each property at most.
    func queryHistory(_ call: ServiceCall, _ names: [String]?) throws -> ServiceResult {
        guard let thing = model[thing: call.entity.name] else { return .nothing }
        let logged = thing.properties.filter {
            $0.value.isLogged && model.allows(.read, on: thing.name, resource: $0.key, for: call.principal)
        }
        if let unknown = names?.first(where: { logged[$0] == nil }) {
            throw ServiceFailure(.notFound, "\(thing.name) has no logged property \(unknown)")
        }
        let wanted = names ?? logged.keys.sorted()
        let most = min(try call.count("maxItems", default: 500), Platform.mostLookedAt)
        let (span, isOldestFirst) = (try call.span(), try call.bool("oldestFirst") ?? false)
        let query = try QueryFilter(call.json("query"))
        let fills = try call.string("fillOption")?.lowercased() != "none"
        let fields: [DataShape.Field] = [.init("timestamp", .datetime)] + wanted.map { .init($0, logged[$0]?.baseType ?? .nothing) }
        let futures = wanted.map { name -> EventLoopFuture<[TimedValue]> in
            var history = HistoryQuery(PropertyRef(thing: thing.name, property: name), span: span, most: most)
            history.isOldestFirst = isOldestFirst
            return store.history(history, on: loop)
        }
        return .later(
            EventLoopFuture.whenAllSucceed(futures, on: loop).flatMap { [loop] columns in
                LongWork.run(size: columns.reduce(0) { $0 + $1.count } * Platform.bytesOfValue, on: loop) {
                    let rows = Platform.merged(columns, fills: fills, isOldestFirst: isOldestFirst)
                    let shape = DataShape(fields)
                    var table = Infotable(shape)
                    for row in query.applied(to: rows, shape, most: .max) { table.append(row) }
                    return Response.success(table)
                }
            }.recover { Response(.internalError, reason: "\($0)") })
    }

    /// Values of several properties as rows by time; what is missing is carried on from before, if that is wanted.
    static func merged(_ columns: [[TimedValue]], fills: Bool, isOldestFirst: Bool) -> [[Value]] {
        var cells: [Int64: [Value?]] = [:]
        for (column, values) in columns.enumerated() {
            // Of two within a millisecond the one that came last stays.
            for value in isOldestFirst ? values : values.reversed() {
                cells[value.time, default: Array(repeating: nil, count: columns.count)][column] = value.value
            }
        }
        var last: [Value] = Array(repeating: .nothing, count: columns.count)
        var rows = cells.sorted { $0.key < $1.key }.map { time, row -> [Value] in
            for (column, value) in row.enumerated() { if let value { last[column] = value } }
            return [.datetime(time)] + row.enumerated().map { $1 ?? (fills ? last[$0] : .nothing) }
        }
        if !isOldestFirst { rows.reverse() }
        return rows
    }

    // MARK: One property

    func queryHistory(_ call: ServiceCall, of type: BaseType, _ word: String) throws -> ServiceResult {
        let name = try call.required("propertyName")
        guard let thing = model[thing: call.entity.name], let definition = thing.properties[name],
            model.allows(.read, on: thing.name, resource: name, for: call.principal)
        else {
            throw ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)")
        }
        guard definition.isLogged else { throw ServiceFailure(.notFound, "\(name) of \(thing.name) is not logged") }
        guard definition.baseType == type else {
            throw ServiceFailure(.badRequest, "\(name) of \(thing.name) is \(definition.baseType.name), not \(type.name)")
        }
        let query = try QueryFilter(call.json("query"))
        let most = min(try call.count("maxItems", default: 500), Platform.mostLookedAt)
        var history = HistoryQuery(
            PropertyRef(thing: thing.name, property: name), span: try call.span(), most: query.filter == nil ? most : Platform.mostLookedAt)
        history.isOldestFirst = try call.bool("oldestFirst") ?? false
        let shape = DataShape([.init("id", .string), .init("timestamp", .datetime), .init("value", type)])
        return .later(
            store.history(history, on: loop).flatMap { [loop] values in
                LongWork.run(size: values.count * Platform.bytesOfValue, on: loop) {
                    let rows = values.map { value -> [Value] in [.string("\(value.time)"), .datetime(value.time), value.value] }
                    var table = Infotable(shape)
                    for row in query.applied(to: rows, shape, most: most) { table.append(row) }
                    return Response.success(table)
                }
            }.recover { Response(.internalError, reason: "\($0)") })
    }

    func addHistory(_ call: ServiceCall, _ type: BaseType) throws -> ServiceResult {
        let name = try call.required("propertyName")
        guard let definition = model[thing: call.entity.name]?.properties[name] else {
            throw ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)")
        }
        guard definition.isLogged else { throw ServiceFailure(.notFound, "\(name) of \(call.entity.name) is not logged") }
        guard let value = call.value("value")?.coerced(to: definition.baseType), value != .nothing, definition.baseType == type else {
            throw ServiceFailure(.badRequest, "\(call.service): value: expected \(definition.baseType.name)")
        }
        let entry = TimedValue(
            value: value, time: try call.time("timestamp") ?? Platform.now(), quality: try call.string("quality") ?? "GOOD")
        commits.batch.history.append((PropertyRef(thing: call.entity.name, property: name), entry))
        commits.batch.size += 32 + value.storedSize
        return .nothing
    }

    func purge(_ call: ServiceCall, _ names: [String]?) throws -> ServiceResult {
        let span = try call.span()
        let thing = call.entity.name
        if let unknown = names?.first(where: { model[thing: thing]?.properties[$0] == nil }) {
            throw ServiceFailure(.notFound, "\(thing) has no property \(unknown)")
        }
        // What is on its way to the store goes too.
        let purges = committed().flatMap { _ in
            EventLoopFuture.andAllSucceed(
                (names.map { $0.map { Optional($0) } } ?? [nil]).map {
                    self.store.purge(thing: thing, property: $0, span: span, on: self.loop)
                }, on: self.loop)
        }
        return .later(purges.map { Response(.success) }.recover { Response(.internalError, reason: "\($0)") })
    }

    func queryChart(_ call: ServiceCall) throws -> ServiceResult {
        let name = try call.required("propertyName")
        guard let thing = model[thing: call.entity.name], thing.properties[name] != nil,
            model.allows(.read, on: thing.name, resource: name, for: call.principal)
        else {
            throw ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)")
        }
        let points = min(max(try call.count("points", default: 500), 1), 10_000)
        return .later(
            store.chart(PropertyRef(thing: thing.name, property: name), span: try call.span(), most: points, on: loop).map { points in
                .success(
                    Shapes.table(
                        "ChartPoint",
                        points.map {
                            [
                                .datetime($0.time), .number(Double($0.count)), .number($0.minimum), .number($0.maximum),
                                .number($0.sum / Double($0.count)), .number($0.last),
                            ]
                        }))
            }.recover { Response(.internalError, reason: "\($0)") })
    }
}
