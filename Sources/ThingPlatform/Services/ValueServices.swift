import AlwaysOn
import Formats
import ThingModel

/// Services that read and write values (platform.md §10).
extension ServiceTables {
    static let valueServices: [Service] =
        [
            Service("GetPropertyValues", .read, "All values", "", "INFOTABLE") { platform, call in
                guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
                return .table(platform.allValues(of: thing, for: call.principal))
            },
            Service("GetPropertyValuesVTQ", .read, "All values with time and quality", "", "INFOTABLE") {
                .table(try $0.valuesVTQ($1, nil))
            },
            Service("GetPropertyValuesVTQA", .read, "All values with time and quality", "", "INFOTABLE") {
                .table(try $0.valuesVTQ($1, nil))
            },
            Service("GetPropertyValuesAsMultiRowTable", .read, "A row a value", "", "INFOTABLE:NamedVTQ") { platform, call in
                guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
                return .table(
                    Shapes.table(
                        "NamedVTQ",
                        platform.readableProperties(of: thing, for: call.principal).map { name, definition in
                            let value = platform.timed(name, definition, of: thing)
                            return [
                                .string(name), .variant(value.value), value.time > 0 ? .datetime(value.time) : .nothing,
                                .string(value.quality),
                            ]
                        }))
            },
            Service("GetNamedPropertyValues", .read, "Some values", "propertyNames INFOTABLE!", "INFOTABLE") { platform, call in
                guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
                return .table(platform.allValues(of: thing, for: call.principal, only: try platform.known(call, thing)))
            },
            Service("GetNamedProperties", .read, "Some values", "propertyNames JSON!", "INFOTABLE") { platform, call in
                guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
                return .table(platform.allValues(of: thing, for: call.principal, only: try platform.known(call, thing)))
            },
            Service("GetNamedPropertyValuesVTQ", .read, "Some values with time and quality", "propertyNames INFOTABLE!", "INFOTABLE") {
                platform, call in
                guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
                return .table(try platform.valuesVTQ(call, try platform.known(call, thing)))
            },
            Service("GetNamedPropertiesVTQA", .read, "Some values with time and quality", "propertyNames JSON!", "INFOTABLE") {
                platform, call in
                guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
                return .table(try platform.valuesVTQ(call, try platform.known(call, thing)))
            },
            Service("GetPropertyTime", .read, "When a value was read", "propertyName!", "DATETIME") { platform, call in
                let value = try platform.timed(call)
                return .value(value.time > 0 ? .datetime(value.time) : .nothing)
            },
            Service("GetPropertyQuality", .read, "How good a value is", "propertyName!", "STRING") {
                .value(.string(try $0.timed($1).quality))
            },
            Service("HavePropertiesChangedSince", .read, "Whether a value was set after a time", "timestamp DATETIME!", "BOOLEAN") {
                platform, call in
                guard let thing = platform.model[thing: call.entity.name], let time = try call.time("timestamp") else {
                    throw ServiceFailure(.notFound, "\(call.service): the parameter timestamp is missing")
                }
                return .value(.boolean(thing.properties.keys.contains { (platform.model.values[thing.name, $0]?.time ?? 0) > time }))
            },
            Service("SetPropertyValues", .write, "Writes values: a column a property", "values INFOTABLE!") { platform, call in
                guard let table = try call.table("values"), table.rowCount > 0, let thing = platform.model[thing: call.entity.name] else {
                    throw ServiceFailure(.notFound, "SetPropertyValues: the parameter values is missing")
                }
                let values = zip(table.shape.fields, table[row: 0]).map { ($0.name, $1) }
                if let refused = values.first(where: { !platform.model.allows(.write, on: thing.name, resource: $0.0, for: call.principal) }
                ) {
                    throw ServiceFailure(.forbidden, "\(call.principal.user) may not write \(refused.0) of \(thing.name)")
                }
                return .later(platform.write(values, to: thing, edge: nil, as: thing.name))
            },
            Service("UpdatePropertyValues", .write, "Writes values with time and quality: a row a value", "values INFOTABLE!") {
                try $0.updatePropertyValues($1)
            },
            Service("UpdateSubscribedPropertyValues", .write, "What an edge pushes", "values INFOTABLE!") { platform, call in
                guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
                return .later(platform.answer(platform.push(call.request, on: thing)))
            },
        ]
        + typed.map { type in
            Service("Get\(type.0)PropertyValue", .read, "A value of base type \(type.1.name)", "propertyName!", type.1.name) {
                platform, call in
                let name = try call.required("propertyName")
                guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
                guard let definition = thing.properties[name],
                    platform.model.allows(.read, on: thing.name, resource: name, for: call.principal)
                else {
                    throw ServiceFailure(.notFound, "\(thing.name) has no property \(name)")
                }
                guard definition.baseType == type.1 || type.0 == "Long" else {
                    throw ServiceFailure(.badRequest, "\(name) of \(thing.name) is \(definition.baseType.name)")
                }
                return .later(
                    platform.read(name, of: thing, for: call.principal).map { response in
                        guard response.status.isSuccess, let cell = response.content?.decoded().first(name) else { return response }
                        return .result(cell)
                    })
            }
        }

    /// Base types of which there are services, by the word in their names.
    static let typed: [(String, BaseType)] = [
        ("Boolean", .boolean), ("DateTime", .datetime), ("Image", .image), ("Integer", .integer), ("Location", .location),
        ("Long", .number), ("Number", .number),
        ("String", .string),
    ]
}

extension Platform {
    /// A value with time and quality, also where none was ever set.
    func timed(_ name: String, _ definition: PropertyDefinition, of thing: Thing) -> TimedValue {
        var value = model.values[thing.name, name] ?? TimedValue(value: definition.initialValue, time: 0, quality: "UNKNOWN")
        if case .text(.password, _) = value.value { value.value = .text(.password, "") }
        return value
    }

    func timed(_ call: ServiceCall) throws -> TimedValue {
        let name = try call.required("propertyName")
        guard let thing = model[thing: call.entity.name], let definition = thing.properties[name],
            model.allows(.read, on: thing.name, resource: name, for: call.principal)
        else { throw ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)") }
        return timed(name, definition, of: thing)
    }

    /// The properties that a call names.
    /// - Throws: where one is not there.
    func known(_ call: ServiceCall, _ thing: Thing) throws -> Set<String> {
        guard let names = try call.names("propertyNames") else {
            throw ServiceFailure(.notFound, "\(call.service): the parameter propertyNames is missing")
        }
        if let unknown = names.first(where: { thing.properties[$0] == nil && ownProperty($0, of: thing) == nil }) {
            throw ServiceFailure(.notFound, "\(thing.name) has no property \(unknown)")
        }
        return Set(names)
    }

    /// Each cell a table of value, time and quality.
    func valuesVTQ(_ call: ServiceCall, _ names: Set<String>?) throws -> Infotable {
        guard let thing = model[thing: call.entity.name] else { throw ServiceFailure.notFound(.thing, call.entity.name) }
        return valuesVTQ(of: thing, for: call.principal, only: names)
    }

    func valuesVTQ(of thing: Thing, for principal: Principal, only names: Set<String>?) -> Infotable {
        let wanted = readableProperties(of: thing, for: principal).filter { names?.contains($0.name) ?? true }
        var table = Infotable(
            DataShape(
                wanted.map {
                    .init($0.name, .infotable, description: $0.definition.description, aspects: [.init("dataShape", .string("VTQ"))])
                }))
        table.append(wanted.map { .infotable(Platform.vtq(timed($0.name, $0.definition, of: thing))) })
        return table
    }

    func updatePropertyValues(_ call: ServiceCall) throws -> ServiceResult {
        guard let thing = model[thing: call.entity.name], let table = try call.table("values"),
            let updates = PropertyUpdate.list(from: table)
        else { throw ServiceFailure(.badRequest, "UpdatePropertyValues: expected \"values\": an infotable of name, value, time, quality") }
        var taken: [PropertyUpdate] = []
        for update in updates {
            guard let definition = thing.properties[update.name] else {
                throw ServiceFailure(.notFound, "\(thing.name) has no property \(update.name)")
            }
            guard !definition.isRemote else { throw ServiceFailure(.badRequest, "\(update.name) of \(thing.name) lives at the edge") }
            guard model.allows(.write, on: thing.name, resource: update.name, for: call.principal) else {
                throw ServiceFailure(.forbidden, "\(call.principal.user) may not write \(update.name) of \(thing.name)")
            }
            guard let value = update.value.coerced(to: definition.baseType), value != .nothing else {
                throw ServiceFailure(.badRequest, "UpdatePropertyValues: \(update.name): expected \(definition.baseType.name)")
            }
            taken.append(PropertyUpdate(name: update.name, value: value, time: update.time, quality: update.quality))
        }
        // Each is a change of its own, in the order of their times; one that is older than the current value is logged alone.
        for update in taken.sorted(by: { ($0.time ?? .max) < ($1.time ?? .max) }) {
            guard store(update.name, update.value, of: thing, time: update.time, quality: update.quality, isLate: true) else {
                throw ServiceFailure(.entityTooLarge, "the values of \(thing.name) take too much already")
            }
        }
        return .nothing
    }
}
