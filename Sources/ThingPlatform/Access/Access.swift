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

/// A name, or a pattern in which each `*` stands for any run of characters, none included.
///
/// Compared byte by byte: a character that joins the one before it does not hide that one.
package struct NamePattern: Sendable, Equatable {
    private let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }

    package func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { matches($0) }
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var (place, next) = (0, 0)
        // Behind the last star, and where the run that it stands for may grow to.
        var retry: (place: Int, next: Int)?
        while next < name.count {
            if place < bytes.count, bytes[place] == UInt8(ascii: "*") {
                place += 1
                retry = (place, next)
            } else if place < bytes.count, bytes[place] == name[next] {
                place += 1
                next += 1
            } else if let last = retry {
                retry = (last.place, last.next + 1)
                (place, next) = (last.place, last.next + 1)
            } else {
                return false
            }
        }
        return bytes[place...].allSatisfy { $0 == UInt8(ascii: "*") }
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
