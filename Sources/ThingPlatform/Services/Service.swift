import AlwaysOn
import Formats
import NIOCore
import ThingModel

/// A service that the platform answers itself.
struct Service: Sendable {
    typealias Work = @Sendable (isolated Platform, ServiceCall) throws -> ServiceResult

    let name: String
    /// nil: the service asks itself, for what its parameters name.
    let right: Right?
    let definition: ServiceDefinition
    let work: Work

    /// - Parameters:
    ///   - parameters: `name TYPE=default, …`; STRING where no type is written, `!` behind the name where it is required.
    ///   - result: a base type, or `INFOTABLE:DataShape`; empty: none.
    init(_ name: String, _ right: Right?, _ text: String, _ parameters: String = "", _ result: String = "", _ work: @escaping Work) {
        self.name = name
        self.right = right
        self.work = work
        var definition = ServiceDefinition()
        definition.description = text
        definition.category = "Platform"
        definition.parameters = ShapeText.fields(parameters)
        if !result.isEmpty {
            let parts = result.split(separator: ":").map(String.init)
            let aspects: [DataShape.Aspect] = parts.count == 2 ? [.init("dataShape", .string(parts[1]))] : []
            definition.result = DataShape.Field("result", BaseType(name: parts[0]) ?? .nothing, aspects: aspects)
        }
        self.definition = definition
    }
}

/// What a service came to.
enum ServiceResult {
    case nothing
    case value(Value)
    case table(Infotable)
    /// Answered bare over REST.
    case json(JSONValue)
    case later(EventLoopFuture<Response>)

    func response(on loop: any EventLoop) -> EventLoopFuture<Response> {
        switch self {
        case .nothing: loop.makeSucceededFuture(Response(.success))
        case .value(let value): loop.makeSucceededFuture(.result(value))
        case .table(let table): loop.makeSucceededFuture(.success(table))
        case .json(let json): loop.makeSucceededFuture(.result(.text(.json, json.description)))
        case .later(let future): future
        }
    }
}

/// A service that fails: with a status, and a text for whoever called it.
struct ServiceFailure: Error {
    let status: Status
    let text: String

    init(_ status: Status, _ text: String) {
        self.status = status
        self.text = text
    }

    static func notFound(_ kind: EntityKind, _ name: String) -> ServiceFailure {
        ServiceFailure(.notFound, EntityRef(kind, name).notFoundText)
    }
}

/// A service with what it was called for, by whom.
struct ServiceCall {
    let service: String
    let entity: EntityRef
    let caller: Caller
    /// One row with a field a parameter.
    let parameters: Infotable
    let request: Request

    var principal: Principal { caller.principal }

    /// Administrators see all, others what is theirs.
    func maySeeWhat(isOf user: String) -> Bool { principal.isAdministrator || principal.user == user }

    private func cell(_ name: String) -> Value? { parameters.parameter(name) }

    private func value(_ name: String, _ type: BaseType) throws -> Value? {
        guard let given = cell(name) else { return nil }
        guard let value = given.coerced(to: type) else {
            throw ServiceFailure(.badRequest, "\(service): \(name): expected \(type.name), found \(given.baseType.name)")
        }
        return value == .nothing ? nil : value
    }

    func value(_ name: String) -> Value? { cell(name) }

    func string(_ name: String) throws -> String? { try value(name, .string)?.stringValue }

    /// nil where it is empty, too.
    func text(_ name: String) throws -> String? { try string(name).flatMap { $0.isEmpty ? nil : $0 } }

    /// - Throws: where the parameter is not there (platform.md §4).
    func required(_ name: String) throws -> String {
        guard let text = try string(name), !text.isEmpty else {
            throw ServiceFailure(.notFound, "\(service): the parameter \(name) is missing")
        }
        return text
    }

    /// The name of a new entity, or of one.
    func name(_ parameter: String = "name") throws -> String {
        let name = try required(parameter)
        guard name.utf8.count <= InputLimits.standard.nameBytes else {
            throw ServiceFailure(.badRequest, "\(service): \(parameter): more than \(InputLimits.standard.nameBytes) bytes")
        }
        return name
    }

    /// Names that a mask fits; all where none is given.
    func nameMask() throws -> TextPattern {
        let mask = try string("nameMask") ?? ""
        return .mask(mask.isEmpty ? "*" : mask)
    }

    func bool(_ name: String) throws -> Bool? { try value(name, .boolean)?.boolValue }

    func number(_ name: String) throws -> Double? { try value(name, .number)?.doubleValue }

    /// Whole, and not below 0.
    func count(_ name: String, default standard: Int) throws -> Int {
        guard let number = try number(name) else { return standard }
        guard number >= 0, number < 1e9, let count = Int(exactly: number.rounded(.down)) else {
            throw ServiceFailure(.badRequest, "\(service): \(name): expected a number from 0 on")
        }
        return count
    }

    func milliseconds(_ name: String) throws -> Int64? {
        guard let number = try number(name) else { return nil }
        guard number >= -1, number <= 1e12 else { throw ServiceFailure(.badRequest, "\(service): \(name): expected milliseconds") }
        return Int64(number)
    }

    func time(_ name: String) throws -> Int64? { if case .datetime(let time)? = try value(name, .datetime) { time } else { nil } }

    func table(_ name: String) throws -> Infotable? { if case .infotable(let table)? = try value(name, .infotable) { table } else { nil } }

    func json(_ name: String) throws -> JSONValue? {
        guard let text = try value(name, .json)?.stringValue else { return nil }
        return try? JSONValue(parsing: text)
    }

    func tags(_ name: String = "tags") throws -> [String]? {
        try value(name, .tags)?.stringValue.map { $0.split(separator: ";").map(String.init) }
    }

    /// The span between two times, both ends within.
    func span(_ from: String = "startDate", _ to: String = "endDate") throws -> ClosedRange<Int64> {
        let (first, last) = (try time(from) ?? .min, try time(to) ?? .max)
        guard first <= last else { throw ServiceFailure(.badRequest, "\(service): \(from) is after \(to)") }
        return first...last
    }

    /// Names in a table with the column `name`, in JSON `{"items": […]}`, or in an array.
    func names(_ parameter: String) throws -> [String]? {
        guard let given = cell(parameter) else { return nil }
        if case .infotable(let table) = given {
            if let column = table.shape.index(of: "name") ?? table.shape.index(of: "propertyName") ?? table.shape.index(of: "item") {
                return (0..<table.rowCount).compactMap { Array(table[row: $0])[column].stringValue }
            }
            // `{"items": […]}` arrives as a table of one row.
            if let items = table.first("items")?.stringValue.flatMap({ try? JSONValue(parsing: $0) })?.array {
                return items.compactMap(\.string)
            }
        }
        guard let json = try json(parameter) else { return nil }
        let items = json.array ?? json["items"]?.array ?? json["rows"]?.array ?? []
        return items.compactMap { $0.string ?? $0["name"]?.string ?? $0["propertyName"]?.string }
    }

    /// Fields as clients describe them: a table of name, description, baseType …, or JSON.
    func fields(_ parameter: String) throws -> [DataShape.Field]? {
        if case .infotable(let table)? = cell(parameter), table.shape.index(of: "name") != nil {
            return try (0..<table.rowCount).map { row in
                guard let name = table[row, "name"]?.stringValue, !name.isEmpty else {
                    throw ServiceFailure(.badRequest, "\(service): \(parameter): a row without a name")
                }
                let typeName = table[row, "baseType"]?.stringValue ?? "STRING"
                guard let type = BaseType(name: typeName) else {
                    throw ServiceFailure(.badRequest, "\(service): \(parameter): there is no base type \(typeName)")
                }
                var aspects: [DataShape.Aspect] = []
                if let shape = table[row, "dataShape"]?.stringValue, !shape.isEmpty { aspects.append(.init("dataShape", .string(shape))) }
                if table[row, "isPrimaryKey"]?.boolValue == true { aspects.append(.init("isPrimaryKey", .boolean(true))) }
                return DataShape.Field(name, type, description: table[row, "description"]?.stringValue ?? "", aspects: aspects)
            }
        }
        guard let json = try json(parameter) else { return nil }
        do { return try ThingModel.fields(json["fieldDefinitions"] ?? json["rows"] ?? json, parameter) } catch {
            throw ServiceFailure(.badRequest, "\(service): \(error)")
        }
    }
}

/// Data shapes and parameters in short: `name TYPE=default, …`.
enum ShapeText {
    static func fields(_ text: String) -> [DataShape.Field] {
        text.split(separator: ",").map { item in
            let words = item.split(separator: " ", maxSplits: 1).map(String.init)
            var name = words[0]
            var aspects: [DataShape.Aspect] = []
            if name.hasSuffix("!") {
                name.removeLast()
                aspects.append(.init("isRequired", .boolean(true)))
            }
            if name.hasSuffix("*") {
                name.removeLast()
                aspects.append(.init("isPrimaryKey", .boolean(true)))
            }
            let typeText = words.count == 2 ? words[1] : "STRING"
            let parts = typeText.split(separator: "=", maxSplits: 1).map(String.init)
            let type = BaseType(name: parts[0]) ?? .string
            if parts.count == 2, let value = Value.string(parts[1]).converted(to: type) { aspects.append(.init("defaultValue", value)) }
            return DataShape.Field(name, type, aspects: aspects)
        }
    }
}
