import AlwaysOn
import Formats
import ThingModel

/// Which right a request needs: asked here for REST, AlwaysOn and console alike.
extension Platform {
    enum Need {
        case right(Right)
        /// The service asks itself, for what its parameters name.
        case judgedLater
        case noSuchService
        /// The method does not go with the characteristic.
        case impossible
    }

    func need(of request: Request, on entity: EntityRef) -> Need {
        switch (request.characteristic, request.method) {
        case (.property, .get): .right(entity.kind == .thing ? .read : .view)
        case (.property, .put), (.property, .delete): .right(entity.kind == .thing ? .write : .update)
        case (.service, .post):
            if let service = ServiceTables.service(request.name, on: entity, in: model) {
                service.right.map { .right($0) } ?? .judgedLater
            } else {
                // What the tables do not name runs at the edge.
                mayBeAtEdge(request.name, entity) ? .right(.invoke) : .noSuchService
            }
        case (.event, .post): .right(.fire)
        default: .impossible
        }
    }

    /// Whether there is such a service: the platform's own, a defined one, or, on a remote Thing, any that its edge may have.
    func hasService(_ name: String, _ entity: EntityRef) -> Bool {
        ServiceTables.service(name, on: entity, in: model) != nil || mayBeAtEdge(name, entity)
    }

    private func mayBeAtEdge(_ name: String, _ entity: EntityRef) -> Bool {
        guard let thing = model[thing: entity.name], entity.kind == .thing else { return false }
        return thing.effective.services[name] != nil || model.isRemote(thing)
    }

    /// A line of what was allowed or refused, for whoever asks later.
    /// - Parameter isFrequent: strangers decide how often: once a second at most.
    func audit(_ name: String, _ source: String, _ data: JSONObject, isFrequent: Bool = false) {
        let now = Platform.now()
        if isFrequent {
            guard now - lastFrequentAudit >= 1000 else { return }
            lastFrequentAudit = now
        }
        note(EventRecord(time: now, source: source, name: name, data: JSONValue.object(data).description))
    }

    /// What happened, into the store and to those who watch.
    func note(_ event: EventRecord) {
        guard !commits.isFull else { return }
        commits.batch.events.append(event)
        commits.batch.size += 96 + event.data.utf8.count
        feeds.publish(event)
        commitSoon()
    }

    /// What nobody waits for is kept within a second.
    func commitSoon() {
        guard soon == nil else { return }
        soon = loop.scheduleTask(in: .seconds(1)) {
            self.assumeIsolated { platform in
                platform.soon = nil
                _ = platform.committed()
            }
        }
    }
}
