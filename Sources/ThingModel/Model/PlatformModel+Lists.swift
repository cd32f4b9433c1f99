/// Entities of all kinds alike.
extension PlatformModel {
    package func has(_ entity: EntityRef) -> Bool { about(entity) != nil }

    package func about(_ entity: EntityRef) -> EntityAbout? {
        switch entity.kind {
        case .thing: things[entity.name]?.about
        case .thingTemplate: templates[entity.name]?.about
        case .thingShape: shapes[entity.name]?.about
        case .dataShape: dataShapes[entity.name]?.about
        case .user: users[entity.name]?.about
        case .group: groups[entity.name]?.about
        case .applicationKey: keys[entity.name]?.about
        case .project: projects[entity.name]?.about
        case .resource, .subsystem, .log: nil
        }
    }

    /// Changes what entities of all kinds have.
    package mutating func modifyAbout(_ entity: EntityRef, _ change: (inout EntityAbout) -> Void) {
        switch entity.kind {
        case .thing:
            guard var thing = things[entity.name] else { return }
            change(&thing.about)
            put(thing)
        case .thingTemplate:
            guard var template = templates[entity.name] else { return }
            change(&template.about)
            put(template)
        case .thingShape:
            guard var shape = shapes[entity.name] else { return }
            change(&shape.about)
            put(shape)
        case .dataShape:
            guard var shape = dataShapes[entity.name] else { return }
            change(&shape.about)
            put(shape)
        case .user:
            guard var user = users[entity.name] else { return }
            change(&user.about)
            put(user)
        case .group:
            guard var group = groups[entity.name] else { return }
            change(&group.about)
            put(group)
        case .applicationKey:
            guard var key = keys[entity.name] else { return }
            change(&key.about)
            put(key)
        case .project:
            guard var project = projects[entity.name] else { return }
            change(&project.about)
            put(project)
        case .resource, .subsystem, .log: return
        }
    }

    /// Names of a collection, in order.
    package func names(_ kind: EntityKind) -> [String] {
        switch kind {
        case .thing: things.keys.sorted()
        case .thingTemplate: templates.keys.sorted()
        case .thingShape: shapes.keys.sorted()
        case .dataShape: dataShapes.keys.sorted()
        case .user: users.keys.sorted()
        case .group: groups.keys.sorted()
        case .applicationKey: keys.keys.sorted()
        case .project: projects.keys.sorted()
        case .resource, .subsystem, .log: []
        }
    }

    /// Those who would be left without something if the entity were gone.
    package func users(of entity: EntityRef) -> [EntityRef] {
        switch entity.kind {
        case .thingTemplate:
            things.values.filter { $0.template == entity.name }.map { EntityRef(.thing, $0.name) }
                + templates.values.filter { $0.base == entity.name }.map { EntityRef(.thingTemplate, $0.name) }
        case .thingShape:
            things.values.filter { $0.shapes.contains(entity.name) }.map { EntityRef(.thing, $0.name) }
                + templates.values.filter { $0.shapes.contains(entity.name) }.map { EntityRef(.thingTemplate, $0.name) }
        case .dataShape:
            things.values.filter { $0.own.uses(dataShape: entity.name) }.map { EntityRef(.thing, $0.name) }
                + templates.values.filter { $0.own.uses(dataShape: entity.name) }.map { EntityRef(.thingTemplate, $0.name) }
                + shapes.values.filter { $0.own.uses(dataShape: entity.name) }.map { EntityRef(.thingShape, $0.name) }
        case .thing:
            things.values.filter { $0.valueStream == entity.name || $0.own.properties.values.contains { $0.local?.thing == entity.name } }
                .map { EntityRef(.thing, $0.name) }
        default: []
        }
    }

    /// What an entity is made of or refers to.
    package func dependencies(of entity: EntityRef) -> [EntityRef] {
        switch entity.kind {
        case .thing:
            guard let thing = things[entity.name] else { return [] }
            let stream = thing.valueStream.isEmpty ? [] : [EntityRef(.thing, thing.valueStream)]
            return [EntityRef(.thingTemplate, thing.template)] + thing.shapes.map { EntityRef(.thingShape, $0) } + stream
        case .thingTemplate:
            guard let template = templates[entity.name] else { return [] }
            return (template.base.map { [EntityRef(.thingTemplate, $0)] } ?? []) + template.shapes.map { EntityRef(.thingShape, $0) }
        case .applicationKey: return keys[entity.name].map { [EntityRef(.user, $0.user)] } ?? []
        case .group: return groups[entity.name]?.members.map { EntityRef($0.isGroup ? .group : .user, $0.name) } ?? []
        default: return []
        }
    }
}

extension Definitions {
    fileprivate func uses(dataShape name: String) -> Bool {
        properties.values.contains { $0.dataShape == name } || events.values.contains { $0.dataShape == name }
    }
}
