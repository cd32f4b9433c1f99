import AlwaysOn
import Formats
import ThingModel

/// Services of Things beside those for definitions and values (platform.md §9).
extension ServiceTables {
    /// Services that fail while a Thing is disabled.
    static let runningServices: Set<String> = Set(valueServices.map(\.name)).union(remoteThingServices.map(\.name))

    static let thingServices: [Service] = [
        Service("EnableThing", .update, "Starts the Thing") { platform, call in
            platform.setEnabled(true, call.entity.name)
            return .nothing
        },
        Service("DisableThing", .update, "Stops the Thing: its services and values fail") { platform, call in
            platform.setEnabled(false, call.entity.name)
            return .nothing
        },
        Service("RestartThing", .update, "Starts the Thing anew: values that are not persistent are their defaults again") {
            platform, call in
            guard let thing = platform.model[thing: call.entity.name], thing.isEnabled else { return .nothing }
            for (name, definition) in thing.properties where !definition.isPersistent && !definition.isRemote {
                platform.model.values.remove(name, of: thing.name)
            }
            platform.runStarted(thing.name)
            return .nothing
        },
        Service("IsEnabled", .view, "Whether the Thing runs", "", "BOOLEAN") {
            .value(.boolean($0.model[thing: $1.entity.name]?.isEnabled ?? false))
        },
        Service("GetThingTemplate", .view, "Its template", "", "INFOTABLE:EntityList") { platform, call in
            let name = platform.model[thing: call.entity.name]?.template ?? ""
            return .table(Shapes.list([(name, platform.model.templates[name]?.about.description ?? "")]))
        },
        Service("GetImplementedShapes", .view, "Its shapes", "", "INFOTABLE:EntityList") { platform, call in
            guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
            return .table(Shapes.list(platform.model.shapes(of: thing).map { ($0, platform.model.shapes[$0]?.about.description ?? "") }))
        },
        Service("IsDerivedFromTemplate", .view, "Whether it comes from a template", "thingTemplateName!", "BOOLEAN") { platform, call in
            let thing = platform.model[thing: call.entity.name]
            let template = try call.required("thingTemplateName")
            return .value(.boolean(thing.map { platform.model.template($0.template, isA: template) } ?? false))
        },
        Service("ImplementsShape", .view, "Whether it has a shape", "thingShapeName!", "BOOLEAN") { platform, call in
            let shape = try call.required("thingShapeName")
            return .value(.boolean(platform.model[thing: call.entity.name].map { platform.model.shapes(of: $0).contains(shape) } ?? false))
        },
        Service("GetThingSummaryInformation", .view, "What it is", "", "INFOTABLE:EntitySummary") { platform, call in
            guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
            var table = Infotable(
                DataShape(
                    Shapes.named("EntitySummary").fields
                        + [.init("thingTemplate", .thingTemplateName), .init("implementedShapes", .infotable), .init("enabled", .boolean)]))
            table.append([
                .string(thing.name), .string(thing.description), .string(thing.about.homeMashup),
                .text(.tags, thing.about.tags.joined(separator: ";")),
                .boolean(thing.about.isSystem), .text(.thingTemplateName, thing.template),
                .infotable(Shapes.list(platform.model.shapes(of: thing).map { ($0, "") })), .boolean(thing.isEnabled),
            ])
            return .table(table)
        },
        Service("SetIdentifier", .update, "Sets the identifier, with which an edge may bind it", "identifier") { platform, call in
            let identifier = try call.string("identifier") ?? ""
            guard var thing = platform.model[thing: call.entity.name] else { return .nothing }
            thing.identifier = identifier.isEmpty ? nil : try platform.checked(identifier, for: thing.name, call)
            thing.about.lastModified = Platform.now()
            platform.model.put(thing)
            // An edge that waits for it has it at once.
            platform.bindWaiting(thing.name)
            return .nothing
        },
        Service("GetIdentifier", .view, "The identifier", "", "STRING") {
            .value(.string($0.model[thing: $1.entity.name]?.identifier ?? ""))
        },
        Service("SetValueStream", .update, "Where values of logged properties go", "name") { platform, call in
            let stream = try call.string("name") ?? ""
            if !stream.isEmpty {
                guard let thing = platform.model[thing: stream] else { throw ServiceFailure.notFound(.thing, stream) }
                guard platform.model.template(thing.template, isA: "ValueStream") else {
                    throw ServiceFailure(.badRequest, "\(stream) is no value stream")
                }
            }
            try platform.changeThing(call) { $0.valueStream = stream }
            return .nothing
        },
        Service("GetValueStream", .view, "Where values of logged properties go", "", "THINGNAME") { platform, call in
            .value(.text(.thingName, platform.model[thing: call.entity.name].map { platform.model.valueStream(of: $0) } ?? ""))
        },
        Service(
            "AddDynamicSubscription", .update, "Runs a service of this Thing when an event of another fires",
            "thingName!, eventName!, propertyName, serviceName!"
        ) {
            platform, call in
            let subscription = try platform.subscription(call)
            guard let source = platform.model[thing: subscription.thing] else { throw ServiceFailure.notFound(.thing, subscription.thing) }
            try platform.demand(.subscribe, EntityRef(.thing, source.name), call)
            try platform.demand(.invoke, call.entity, call)
            guard platform.hasService(subscription.service, call.entity) else {
                throw ServiceFailure(.notFound, "there is no service \(subscription.service) on \(call.entity.name)")
            }
            try platform.changeThing(call) { thing in
                guard thing.subscriptions.count < 1000 else {
                    throw ServiceFailure(.entityTooLarge, "\(thing.name) has 1000 subscriptions already")
                }
                if !thing.subscriptions.contains(subscription) { thing.subscriptions.append(subscription) }
            }
            return .nothing
        },
        Service("RemoveDynamicSubscription", .update, "Ends a subscription", "thingName!, eventName!, propertyName, serviceName!") {
            platform, call in
            let subscription = try platform.subscription(call)
            try platform.changeThing(call) { $0.subscriptions.removeAll { $0.isFor(subscription) } }
            return .nothing
        },
        Service(
            "IsDynamicSubscriptionCreated", .view, "Whether there is such a subscription",
            "thingName!, eventName!, propertyName, serviceName!", "BOOLEAN"
        ) { platform, call in
            let subscription = try platform.subscription(call)
            return .value(.boolean(platform.model[thing: call.entity.name]?.subscriptions.contains { $0.isFor(subscription) } ?? false))
        },
        Service("EnableSubscription", .update, "Goes on with subscriptions", "thingName!, eventName!, propertyName, subscriptionName") {
            try $0.setSubscriptions(true, $1)
        },
        Service("DisableSubscription", .update, "Pauses subscriptions", "thingName!, eventName!, propertyName, subscriptionName") {
            try $0.setSubscriptions(false, $1)
        },
        Service("GetDynamicSubscriptions", .view, "What it has subscribed to", "", "INFOTABLE:DynamicSubscription") { platform, call in
            .table(
                Shapes.table(
                    "DynamicSubscription",
                    (platform.model[thing: call.entity.name]?.subscriptions ?? []).map {
                        [.string($0.thing), .string($0.event), .string($0.property), .string($0.service), .boolean($0.isEnabled)]
                    }))
        },
        Service("GetConfigurationTables", .view, "Names of its configuration tables", "", "INFOTABLE:EntityList") { platform, call in
            .table(Shapes.list((platform.model[thing: call.entity.name]?.configuration.members ?? []).map { ($0.name, "") }))
        },
        Service("GetConfigurationTable", .view, "A configuration table", "tableName!", "INFOTABLE") { platform, call in
            let name = try call.required("tableName")
            guard let json = platform.model[thing: call.entity.name]?.configuration[name],
                case .infotable(let table)? = Value(json: json, as: .infotable)
            else {
                throw ServiceFailure(.notFound, "\(call.entity.name) has no configuration table \(name)")
            }
            return .table(table)
        },
        Service(
            "SetConfigurationTable", .update, "Replaces a configuration table",
            "tableName!, configurationTable INFOTABLE!, persistent BOOLEAN=true"
        ) {
            try $0.setConfigurationTable($1, "configurationTable", isWhole: true)
        },
        Service(
            "SetMultiRowConfigurationTable", .update, "Replaces a configuration table",
            "tableName!, configurationTable INFOTABLE!, persistent BOOLEAN=true"
        ) {
            try $0.setConfigurationTable($1, "configurationTable", isWhole: true)
        },
        Service(
            "SetConfigurationTableRows", .update, "Adds rows to a configuration table, or replaces those with the same key",
            "tableName!, values INFOTABLE!, persistent BOOLEAN=true"
        ) {
            try $0.setConfigurationTable($1, "values", isWhole: false)
        },
        Service(
            "DeleteConfigurationTableRows", .update, "Deletes rows of a configuration table by key",
            "tableName!, values INFOTABLE!, persistent BOOLEAN=true"
        ) {
            try $0.deleteConfigurationTableRows($1)
        },
        Service("QueryEvents", .read, "What happened to the Thing, newest first", "maxItems NUMBER=500", "INFOTABLE:EventRecord") {
            platform, call in
            .later(
                platform.store.events(
                    source: call.entity.name, most: min(try call.count("maxItems", default: 500), 10_000), on: platform.loop
                ).map { events in
                    .success(Platform.table(of: events))
                }.recover { Response(.internalError, reason: "\($0)") })
        },
    ]
}

extension DynamicSubscription {
    func isFor(_ other: DynamicSubscription) -> Bool {
        thing == other.thing && event == other.event && property == other.property && service == other.service
    }
}

extension Platform {
    static func table(of events: [EventRecord]) -> Infotable {
        Shapes.table("EventRecord", events.map { [.datetime($0.time), .string($0.source), .string($0.name), .text(.json, $0.data)] })
    }

    func changeThing(_ call: ServiceCall, _ change: (inout Thing) throws -> Void) throws {
        guard var thing = model[thing: call.entity.name] else { throw ServiceFailure.notFound(.thing, call.entity.name) }
        try change(&thing)
        thing.about.lastModified = Platform.now()
        model.put(thing)
    }

    /// A Thing runs from now on.
    func runStarted(_ name: String) {
        run(FiredEvent(thing: name, name: "ThingStart", property: "", data: Infotable(DataShape([])), time: Platform.now()))
    }

    func setEnabled(_ isEnabled: Bool, _ name: String) {
        guard var thing = model[thing: name], thing.isEnabled != isEnabled else { return }
        thing.isEnabled = isEnabled
        thing.about.lastModified = Platform.now()
        model.put(thing)
        if isEnabled {
            runStarted(name)
        }
    }

    func subscription(_ call: ServiceCall) throws -> DynamicSubscription {
        DynamicSubscription(
            thing: try call.name("thingName"), event: try call.name("eventName"), property: try call.string("propertyName") ?? "",
            service: try call.name("serviceName"))
    }

    func setSubscriptions(_ isEnabled: Bool, _ call: ServiceCall) throws -> ServiceResult {
        let (thing, event, property) = (
            try call.required("thingName"), try call.required("eventName"), try call.string("propertyName") ?? ""
        )
        try changeThing(call) { target in
            for index in target.subscriptions.indices
            where target.subscriptions[index].thing == thing && target.subscriptions[index].event == event
                && (property.isEmpty || target.subscriptions[index].property == property)
            {
                target.subscriptions[index].isEnabled = isEnabled
            }
        }
        return .nothing
    }

    // MARK: Configuration tables

    func setConfigurationTable(_ call: ServiceCall, _ parameter: String, isWhole: Bool) throws -> ServiceResult {
        let name = try call.name("tableName")
        guard var table = try call.table(parameter) ?? call.table("values") else {
            throw ServiceFailure(.notFound, "\(call.service): the parameter \(parameter) is missing")
        }
        if !isWhole, let json = model[thing: call.entity.name]?.configuration[name],
            case .infotable(let old)? = Value(json: json, as: .infotable)
        {
            table = old.replacing(table)
        }
        try changeThing(call) { thing in
            guard thing.configuration.members.count < 100 || thing.configuration[name] != nil else {
                throw ServiceFailure(.entityTooLarge, "\(thing.name) has 100 configuration tables already")
            }
            thing.configuration[name] = Value.infotable(table).json
        }
        return .nothing
    }

    func deleteConfigurationTableRows(_ call: ServiceCall) throws -> ServiceResult {
        let name = try call.required("tableName")
        guard let json = model[thing: call.entity.name]?.configuration[name], case .infotable(let old)? = Value(json: json, as: .infotable),
            let keys = try call.table("values")
        else { throw ServiceFailure(.notFound, "\(call.entity.name) has no configuration table \(name)") }
        try changeThing(call) { $0.configuration[name] = Value.infotable(old.replacing(keys, isDeletion: true)).json }
        return .nothing
    }
}

extension Infotable {
    /// Rows with the same key (the fields with the aspect isPrimaryKey, else the first) give way to those of the other table.
    fileprivate func replacing(_ other: Infotable, isDeletion: Bool = false) -> Infotable {
        let keys = shape.fields.filter { $0.aspect("isPrimaryKey")?.boolValue == true }.map(\.name)
        let names = keys.isEmpty ? shape.fields.prefix(1).map(\.name) : keys
        let key = { (table: Infotable, row: Int) in names.map { table[row, $0]?.text ?? "" } }
        let given = Set((0..<other.rowCount).map { key(other, $0) })
        var result = Infotable(shape)
        for row in 0..<rowCount where !given.contains(key(self, row)) { result.append(self[row: row]) }
        if !isDeletion { for row in 0..<other.rowCount { result.append(shape.fields.map { other[row, $0.name] ?? .nothing }) } }
        return result
    }
}
