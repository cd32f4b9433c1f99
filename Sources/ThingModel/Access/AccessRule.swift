/// What a user may do with an entity.
package enum Right: String, Sendable, CaseIterable {
    /// Tie a connection to the Thing.
    case bind
    case read
    case write
    case invoke
    /// Fire events.
    case fire
    /// Be told of events and changes.
    case subscribe
    /// Open a tunnel to the Thing.
    case tunnel
    /// Move files to and from the Thing.
    case transfer
    case create
    case view
    case update
    case delete

    /// The four of the design time.
    package static let design: Set<Right> = [.create, .view, .update, .delete]

    /// The words of a model file: `design` is all four of the design time.
    package static func named(_ word: String) -> Set<Right>? { word == "design" ? design : Right(rawValue: word).map { [$0] } }

    package var isDesign: Bool { Right.design.contains(self) }

    /// What services call it (platform.md §11); rights that they do not know keep their own name.
    package var permissionName: String {
        switch self {
        case .read: "PropertyRead"
        case .write: "PropertyWrite"
        case .invoke: "ServiceInvoke"
        case .fire: "EventInvoke"
        case .subscribe: "EventSubscribe"
        case .create: "Create"
        case .view: "Read"
        case .update: "Update"
        case .delete: "Delete"
        case .bind: "Bind"
        case .tunnel: "Tunnel"
        case .transfer: "Transfer"
        }
    }

    /// - Parameter permission: as services call it.
    package init?(permission: String) {
        guard let found = Right.allCases.first(where: { $0.permissionName == permission }) else { return nil }
        self = found
    }
}

/// Rights on entities that a user or a group has, or is refused.
package struct AccessRule: Sendable, Hashable {
    package enum Holder: Sendable, Hashable {
        case user(String)
        case group(String)

        package var name: String {
            switch self {
            case .user(let name), .group(let name): name
            }
        }

        package var isGroup: Bool { if case .group = self { true } else { false } }
    }

    package var holder: Holder
    /// Names of entities.
    package var entities: [NamePattern]
    /// The collection that they are in; nil: any.
    package var kind: EntityKind?
    /// Of a template: the rule holds for the Things that are made from it, and not for itself.
    package var isForInstances = false
    /// A property, service or event; `*`: all.
    package var resource = "*"
    package var rights: Set<Right>
    /// false: they are refused, whatever other rules allow.
    package var allows = true

    package init(holder: Holder, entities: [NamePattern], kind: EntityKind? = .thing, rights: Set<Right>) {
        self.holder = holder
        self.entities = entities
        self.kind = kind
        self.rights = rights
    }
}

/// On whose behalf a request is made.
package struct Principal: Sendable, Hashable {
    package static let administrators = "Administrators"

    package let user: String
    package let groups: Set<String>

    package init(user: String, groups: Set<String>) {
        self.user = user
        self.groups = groups
    }

    package var isAdministrator: Bool { groups.contains(Principal.administrators) }
}
