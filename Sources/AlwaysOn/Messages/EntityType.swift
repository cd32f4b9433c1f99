/// What kind of entity a request is for (alwayson.md §3). Kinds that are not listed pass through unchanged.
public struct EntityType: RawRepresentable, Sendable, Hashable {
    /// As it stands on the wire (alwayson.md §2).
    public let rawValue: UInt8

    /// Any byte is a type; those that are not named here are passed on as they are.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A Thing.
    public static let thing = EntityType(rawValue: 0x0A)
    /// A resource, such as EntityServices.
    public static let resource = EntityType(rawValue: 0x3C)
    /// A subsystem, such as PlatformSubsystem.
    public static let subsystem = EntityType(rawValue: 0x50)

    /// REST collection ↔ number.
    private static let collections: [(String, UInt8)] = [
        ("Things", 0x0A), ("ThingShapes", 0x0B), ("ThingTemplates", 0x0C), ("ThingPackages", 0x0D), ("Networks", 0x0E),
        ("DataShapes", 0x0F), ("ModelTags", 0x14), ("DataTags", 0x15), ("Mashups", 0x1E), ("Widgets", 0x1F),
        ("StyleDefinitions", 0x20), ("StateDefinitions", 0x21), ("Menus", 0x22), ("MediaEntities", 0x23),
        ("LocalizationTables", 0x24), ("Dashboards", 0x27), ("Logs", 0x28), ("Users", 0x32), ("Groups", 0x33),
        ("Organizations", 0x34), ("ApplicationKeys", 0x35), ("DirectoryServices", 0x36), ("Resources", 0x3C),
        ("ScriptFunctionLibraries", 0x3D), ("ExtensionPackages", 0x46), ("Subsystems", 0x50),
    ]

    /// The collection's name in a REST path, such as `Things`.
    public var collection: String? { EntityType.collections.first { $0.1 == rawValue }?.0 }

    /// - Parameter collection: matched without regard to case.
    public init?(collection: some StringProtocol) {
        if collection == "Things" {
            self = .thing
            return
        }
        let lowercased = collection.lowercased()
        guard let found = EntityType.collections.first(where: { $0.0.lowercased() == lowercased }) else { return nil }
        rawValue = found.1
    }
}

/// What of an entity a request is for.
public enum Characteristic: UInt8, Sendable, CaseIterable {
    case property = 1
    case service = 2
    case event = 3

    /// The collection's name in a REST path.
    public var collection: String {
        switch self {
        case .property: "Properties"
        case .service: "Services"
        case .event: "Events"
        }
    }

    /// - Parameter collection: matched without regard to case.
    public init?(collection: some StringProtocol) {
        let found =
            Characteristic.allCases.first { $0.collection == collection }
            ?? {
                let lowercased = collection.lowercased()
                return Characteristic.allCases.first { $0.collection.lowercased() == lowercased }
            }()
        guard let found else { return nil }
        self = found
    }
}
