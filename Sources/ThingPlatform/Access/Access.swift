/// What a user may do with a Thing.
package enum Right: String, Sendable, CaseIterable {
    /// Tie a connection to the Thing.
    case bind
    case read
    case write
    case invoke
    /// Fire events.
    case fire
    /// Create and delete Things.
    case design
}

/// Names with `*` at their end stand for all names that begin so.
package struct NamePattern: Sendable, Equatable {
    private let text: String

    package init(_ text: String) { self.text = text }

    package func matches(_ name: String) -> Bool {
        text.hasSuffix("*") ? name.hasPrefix(text.dropLast()) : name == text
    }
}

/// Rights on Things that a user or a group has. What no rule allows is forbidden.
package struct AccessRule: Sendable, Equatable {
    package enum Holder: Sendable, Equatable {
        case user(String)
        case group(String)
    }

    package var holder: Holder
    package var things: [NamePattern]
    package var rights: Set<Right>
}

/// On whose behalf a request is made.
package struct Principal: Sendable, Equatable {
    package static let administrators = "Administrators"

    package let user: String
    package let groups: Set<String>

    package var isAdministrator: Bool { groups.contains(Principal.administrators) }
}

extension [AccessRule] {
    /// Members of the group Administrators may do everything.
    package func allow(_ right: Right, on thing: String, for principal: Principal) -> Bool {
        if principal.isAdministrator { return true }
        return contains { rule in
            guard rule.rights.contains(right), rule.things.contains(where: { $0.matches(thing) }) else { return false }
            return switch rule.holder {
            case .user(let name): name == principal.user
            case .group(let name): principal.groups.contains(name)
            }
        }
    }
}
