package import AlwaysOn

/// The collections that the platform has (platform.md §2). The raw value is the collection's name in a path.
package enum EntityKind: String, Sendable, CaseIterable {
    case thing = "Things"
    case thingTemplate = "ThingTemplates"
    case thingShape = "ThingShapes"
    case dataShape = "DataShapes"
    case user = "Users"
    case group = "Groups"
    case applicationKey = "ApplicationKeys"
    case project = "Projects"
    case resource = "Resources"
    case subsystem = "Subsystems"
    case log = "Logs"

    /// - Parameter collection: matched without regard to case.
    package init?(collection: some StringProtocol) {
        guard let found = EntityKind.byCollection[collection.lowercased()] else { return nil }
        self = found
    }

    private static let byCollection = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue.lowercased(), $0) })

    package init?(_ type: EntityType) {
        if type == .thing { self = .thing } else if let collection = type.collection { self.init(rawValue: collection) } else { return nil }
    }

    package var entityType: EntityType { EntityType(collection: rawValue) ?? EntityType(rawValue: 0xFF) }

    /// - Parameter type: the collection or its singular, as services take either, without regard to case.
    package init?(type: String) {
        let word = type.lowercased()
        guard let found = EntityKind(collection: word) ?? EntityKind.allCases.first(where: { $0.singular.lowercased() == word }) else {
            return nil
        }
        self = found
    }

    /// The singular that searches use, such as `ThingTemplate`.
    package var singular: String { String(rawValue.dropLast()) }

    /// The base type of such an entity's name.
    package var nameType: BaseType {
        switch self {
        case .thing: .thingName
        case .thingTemplate: .thingTemplateName
        case .thingShape: .thingShapeName
        case .dataShape: .dataShapeName
        case .user: .userName
        case .group: .groupName
        case .applicationKey: .applicationKeyName
        default: .string
        }
    }
}

/// An entity by kind and name.
package struct EntityRef: Sendable, Hashable {
    package var kind: EntityKind
    package var name: String

    /// For whoever asked for one that is not there; clients look for the name in brackets.
    package var notFoundText: String { "there is no \(kind.singular) \(name) (Entity Not Found : [\(name)])" }

    package init(_ kind: EntityKind, _ name: String) {
        self.kind = kind
        self.name = name
    }
}

/// What entities of all kinds have (platform.md §7).
package struct EntityAbout: Sendable, Equatable {
    package var description = ""
    /// `Vocabulary:Term` each.
    package var tags: [String] = []
    package var projectName = ""
    package var homeMashup = ""
    package var documentation = ""
    /// Milliseconds since 1970 UTC.
    package var lastModified: Int64 = 0
    /// Part of the platform: it is not deleted.
    package var isSystem = false

    package init(description: String = "", isSystem: Bool = false) {
        self.description = description
        self.isSystem = isSystem
    }
}
