/// What of a model was changed and has not been kept yet.
struct ModelChanges: Sendable {
    enum Change: Sendable {
        case put
        case remove
    }

    var entities: [EntityRef: Change] = [:]
    var rules: [Int: Change] = [:]

    var isEmpty: Bool { entities.isEmpty && rules.isEmpty }

    mutating func put(_ entity: EntityRef) { entities[entity] = .put }
    mutating func remove(_ entity: EntityRef) { entities[entity] = .remove }
    mutating func put(rule number: Int) { rules[number] = .put }
    mutating func remove(rule number: Int) { rules[number] = .remove }
}

extension PlatformModel {
    package var hasChanges: Bool { !changes.isEmpty }

    /// What was changed since the last call, as it is to be kept.
    package mutating func takeChanges() -> [EntityWrite] {
        guard !changes.isEmpty else { return [] }
        let taken = changes
        changes = ModelChanges()
        var writes = taken.entities.map { entity, change in
            EntityWrite(
                collection: entity.kind.rawValue, name: entity.name, document: change == .put ? document(of: entity)?.description : nil)
        }
        writes += taken.rules.map { number, change in
            EntityWrite(
                collection: EntityWrite.rules, name: String(number),
                document: change == .put ? access.rules[number].map { $0.document.description } : nil)
        }
        return writes
    }

    /// Forgets that anything was changed: what was just read need not be written.
    package mutating func forgetChanges() { changes = ModelChanges() }
}
