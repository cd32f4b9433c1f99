package import NIOCore
package import Secrets

/// Users, keys and rules.
extension PlatformModel {
    // MARK: Users, keys, rules

    package mutating func put(_ user: User) {
        users[user.name] = user
        changes.put(EntityRef(.user, user.name))
    }

    package mutating func put(_ group: Group) {
        groups[group.name] = group
        changes.put(EntityRef(.group, group.name))
        refreshMembership()
    }

    package mutating func put(_ key: ApplicationKey) {
        if let old = keys[key.name] { keysByDigest[old.digest] = nil }
        keys[key.name] = key
        keysByDigest[key.digest] = key.name
        changes.put(EntityRef(.applicationKey, key.name))
    }

    package mutating func addRule(_ rule: AccessRule) {
        guard !access.rules.values.contains(rule) else { return }
        changes.put(rule: access.add(rule))
    }

    package mutating func removeRule(_ number: Int) {
        access.remove(number)
        changes.remove(rule: number)
    }

    mutating func refreshMembership() {
        groupsOfUser = [:]
        for group in groups.values {
            for user in members(of: group.name) { groupsOfUser[user, default: []].insert(group.name) }
        }
    }

    /// The users of a group, also those of groups within it.
    private func members(of group: String) -> Set<String> {
        var users: Set<String> = []
        var open = [group]
        var seen: Set<String> = []
        while let name = open.popLast() {
            guard seen.insert(name).inserted else { continue }
            for member in groups[name]?.members ?? [] { if member.isGroup { open.append(member.name) } else { users.insert(member.name) } }
        }
        return users
    }

    package func groups(of user: String) -> Set<String> { groupsOfUser[user] ?? [] }

    package func principal(_ user: String) -> Principal { Principal(user: user, groups: groups(of: user)) }

    /// - Parameter now: milliseconds since 1970 UTC.
    package func authenticate(_ key: Secret, from address: SocketAddress?, now: Int64) -> Authentication {
        guard let name = keysByDigest[KeyDigest(of: key)], let key = keys[name] else { return .refused("no such application key") }
        guard key.isEnabled else { return .refused("application key \(key.name) is disabled") }
        if let expires = key.expires, now >= expires { return .refused("application key \(key.name) has expired") }
        guard key.allowedAddresses.isEmpty || key.allowedAddresses.contains(where: { $0.contains(address) }) else {
            return .refused("application key \(key.name) may not be used from \(address?.ipAddress ?? "an unknown address")")
        }
        guard let user = users[key.user], user.isEnabled, !user.isLocked else {
            return .refused("application key \(key.name): its user \(key.user) is missing, disabled or locked")
        }
        return .accepted(principal(user.name), key: key.name)
    }

    /// Whether a key that was accepted still is.
    package func isGood(key name: String, now: Int64) -> Bool {
        guard let key = keys[name], key.isEnabled, key.expires.map({ now < $0 }) ?? true, let user = users[key.user] else { return false }
        return user.isEnabled && !user.isLocked
    }

    /// A key was used: kept to the minute.
    package mutating func noteUse(ofKey name: String, now: Int64) {
        guard let key = keys[name], now - (key.lastUsed ?? 0) >= 60_000 else { return }
        keys[name]?.lastUsed = now
        changes.put(EntityRef(.applicationKey, name))
    }

    // MARK: Permissions

    package func judge(_ right: Right, on entity: EntityRef, resource: String? = nil, for principal: Principal) -> AccessControl.Judgement {
        access.judge(right, on: entity, resource: resource, for: principal) {
            entity.kind == .thing ? things[entity.name].map { chain(of: $0.template) } ?? [] : []
        }
    }

    package func allows(_ right: Right, on entity: EntityRef, resource: String? = nil, for principal: Principal) -> Bool {
        judge(right, on: entity, resource: resource, for: principal).isAllowed
    }

    package func allows(_ right: Right, on thing: String, resource: String? = nil, for principal: Principal) -> Bool {
        allows(right, on: EntityRef(.thing, thing), resource: resource, for: principal)
    }
}
