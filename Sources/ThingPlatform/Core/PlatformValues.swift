import AlwaysOn
import Formats
import ThingModel

/// Values of properties as they come in: kept, logged, told to whoever wants to know (platform.md §10).
extension Platform {
    /// Takes a value that is of the property's base type.
    ///
    /// - Parameters:
    ///   - isLate: it does not take the place of what is newer.
    ///   - depth: how many properties it came through that follow each other.
    /// - Returns: false where there is no room for it.
    @discardableResult
    func store(
        _ name: String, _ value: Value, of thing: Thing, time: Int64? = nil, quality: String = "GOOD", isLate: Bool = false, depth: Int = 0
    ) -> Bool {
        figures.valuesTaken += 1
        let new = TimedValue(value: value, time: time ?? Platform.now(), quality: quality)
        let old = model.values[thing.name, name]
        let definition = thing.properties[name]
        if isLate, let old, old.time > new.time {
            if let definition { log(new, name, definition, of: thing) }
            return true
        }
        if logger.logLevel == .trace { logger.trace("\(thing.name).\(name) = \(value.text ?? value.baseType.name)") }
        guard model.values.keep(new, of: name, thing: thing.name) else { return false }
        guard let definition else { return true }
        let isChange = definition.isChange(from: old?.value ?? definition.initialValue, to: value, isFirst: old == nil)
        if isChange { log(new, name, definition, of: thing) }
        if definition.isPersistent, !thing.isEphemeral {
            commits.batch.values[PropertyRef(thing: thing.name, property: name)] = .some(new)
            commits.batch.size += 64 + thing.name.utf8.count + value.storedSize
        }
        if !feeds.isEmpty { feeds.publish(new, of: PropertyRef(thing: thing.name, property: name)) }
        if isChange { changed(name, from: old, to: new, of: thing, depth: depth) }
        return true
    }

    private func log(_ value: TimedValue, _ name: String, _ definition: PropertyDefinition, of thing: Thing) {
        guard definition.isLogged, settings.hasDefaultStream || !model.valueStream(of: thing).isEmpty else { return }
        commits.batch.history.append((PropertyRef(thing: thing.name, property: name), value))
        commits.batch.size += 32 + value.value.storedSize
    }

    /// Those that follow the property, and subscriptions to its changes.
    private func changed(_ name: String, from old: TimedValue?, to new: TimedValue, of thing: Thing, depth: Int) {
        let property = PropertyRef(thing: thing.name, property: name)
        if depth < Platform.deepestFollowing {
            for follower in model.followers(of: property) {
                guard let target = model[thing: follower.thing], let definition = target.properties[follower.property],
                    let value = new.value.coerced(to: definition.baseType)
                else { continue }
                store(follower.property, value, of: target, time: new.time, quality: new.quality, depth: depth + 1)
            }
        }
        guard !model.subscribers(of: thing.name).isEmpty else { return }
        let values = { (new: TimedValue?) -> Value in new.map { .infotable(Platform.vtq($0)) } ?? .nothing }
        run(
            .init(
                thing: thing.name, name: "DataChange", property: name,
                data: Infotable(row: ["newValue": values(new), "oldValue": values(old)]), time: new.time))
        run(
            .init(
                thing: thing.name, name: "AnyDataChange", property: "",
                data: Infotable(row: ["name": .string(name), "newValue": values(new), "oldValue": values(old)]), time: new.time))
    }

    private static let deepestFollowing = 16

    /// A row of value, time and quality.
    static func vtq(_ value: TimedValue) -> Infotable {
        var table = Infotable(DataShape([.init("value", .variant), .init("time", .datetime), .init("quality", .string)]))
        table.append([.variant(value.value), .datetime(value.time), .string(value.quality)])
        return table
    }

    // MARK: Subscriptions of Things

    struct FiredEvent {
        var thing: String
        var name: String
        /// Of DataChange; else empty.
        var property: String
        var data: Infotable
        var time: Int64
    }

    /// Runs the services that other Things have subscribed to the event.
    func run(_ event: FiredEvent) {
        for name in model.subscribers(of: event.thing) {
            guard let subscriber = model[thing: name] else { continue }
            for subscription in subscriber.subscriptions
            where subscription.isEnabled && subscription.thing == event.thing && subscription.event == event.name
                && (subscription.property.isEmpty || subscription.property == event.property)
            {
                call(subscription, of: subscriber, event)
            }
        }
    }

    private func call(_ subscription: DynamicSubscription, of subscriber: Thing, _ event: FiredEvent) {
        guard subscriptionsRunning < Platform.mostSubscriptionsRunning else {
            return refusals.note(
                "\(subscriber.name): more than \(Platform.mostSubscriptionsRunning) subscriptions run at once, \(subscription.service) is not called"
            )
        }
        let parameters = Infotable(row: [
            "eventData": .infotable(event.data), "eventName": .string(event.name), "eventTime": .datetime(event.time),
            "source": .string(event.thing),
            "sourceProperty": .string(event.property),
        ])
        guard let content = try? EncodedInfotable(parameters) else { return }
        let request = Request(.post, subscriber.name, .service, subscription.service, content: content)
        subscriptionsRunning += 1
        // Not from within the change that it is told of: that is answered first.
        loop.execute {
            self.assumeIsolated { platform in
                platform.perform(request, as: Principal(user: "System", groups: [Principal.administrators])).whenSuccess { response in
                    self.assumeIsolated { platform in
                        platform.subscriptionsRunning -= 1
                        guard !response.status.isSuccess else { return }
                        platform.refusals.note(
                            "\(subscriber.name): \(subscription.service), called for \(event.thing)/\(event.name): \(response.reasonText ?? response.status.description)"
                        )
                    }
                }
            }
        }
    }

    private static let mostSubscriptionsRunning = 1000

    // MARK: Events

    func fire(_ request: Request, on thing: Thing) -> Response {
        let definition = thing.effective.events[request.name] ?? thing.effective.events.values.first { $0.remoteName == request.name }
        guard definition != nil || model.isRemote(thing) else {
            return Response(.notFound, reason: "there is no event \(request.name) on \(thing.name)")
        }
        let size = request.content?.bytes.readableBytes ?? 0
        let parameters =
            size > Platform.longestEventShown ? "(\(size) bytes)" : request.content.map { String(buffer: $0.firstRowJSON()) } ?? "{}"
        logger.info("event \(thing.name)/\(request.name) \(parameters)")
        let name = thing.effective.events.first { $0.value.remoteName == request.name }?.key ?? request.name
        let now = Platform.now()
        guard !commits.isFull else {
            return Response(.serviceUnavailable, reason: "what waits for the disk takes all the memory that there is for it")
        }
        note(EventRecord(time: now, source: thing.name, name: name, data: size > Platform.longestEventShown ? "{}" : parameters))
        run(
            FiredEvent(thing: thing.name, name: name, property: "", data: request.content?.decoded() ?? Infotable(DataShape([])), time: now)
        )
        return Response(.success)
    }

    private static let longestEventShown = 4096
}

extension PropertyDefinition {
    /// Whether a new value is a change, for events and for the history (platform.md §8).
    func isChange(from old: Value, to new: Value, isFirst: Bool) -> Bool {
        switch dataChangeType {
        case .always: return true
        case .never: return false
        case .on: return new.boolValue == true && (isFirst || old.boolValue != true)
        case .off: return new.boolValue == false
        case .value:
            if isFirst { return true }
            guard dataChangeThreshold > 0, let one = old.doubleValue, let other = new.doubleValue else { return old != new }
            return abs(one - other) > dataChangeThreshold
        }
    }
}
