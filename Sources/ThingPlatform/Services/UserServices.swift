import AlwaysOn
import NIOCore
import NIOPosix
import Secrets
import ThingModel

/// Services of users, groups and application keys (platform.md §11).
extension ServiceTables {
    static let userServices: [Service] = [
        Service(
            "ChangePassword", nil, "Changes one's own password",
            "oldPassword PASSWORD!, newPassword PASSWORD!, newPasswordConfirm PASSWORD!"
        ) { try $0.changePassword($1) },
        Service("AssignNewPassword", .update, "Gives a user another password", "newPassword PASSWORD!, newPasswordConfirm PASSWORD!") {
            platform, call in
            .later(platform.setPassword(try platform.newPassword(call), of: call.entity.name, call))
        },
        Service("EnableUser", .update, "The user may sign in, and its keys are good") { try $0.changeUser($1) { $0.isEnabled = true } },
        Service("DisableUser", .update, "The user may not sign in, and its keys are no good") {
            try $0.changeUser($1) { $0.isEnabled = false }
        },
        Service("LockUser", .update, "As DisableUser, until it is unlocked") { try $0.changeUser($1) { $0.isLocked = true } },
        Service("UnlockUser", .update, "Ends LockUser") { try $0.changeUser($1) { $0.isLocked = false } },
        Service("IsEnabled", .view, "Whether the user is enabled", "", "BOOLEAN") {
            .value(.boolean($0.model.users[$1.entity.name]?.isEnabled ?? false))
        },
        Service("IsLocked", .view, "Whether the user is locked", "", "BOOLEAN") {
            .value(.boolean($0.model.users[$1.entity.name]?.isLocked ?? false))
        },
        Service("GetGroups", .view, "The user's groups", "", "INFOTABLE:EntityList") { .table($0.groupList(of: $1.entity.name)) },
        Service("GetApplicationKeyExpirationInfo", .view, "The user's keys and when they expire", "", "INFOTABLE") { platform, call in
            var table = Infotable(DataShape(ShapeText.fields("name, description, key, expirationDate DATETIME, expired BOOLEAN")))
            for key in platform.model.keys.values.filter({ $0.user == call.entity.name }).sorted(by: { $0.name < $1.name }) {
                table.append([
                    .string(key.name), .string(key.about.description), .string(""), key.expires.map { .datetime($0) } ?? .nothing,
                    .boolean(key.expires.map { $0 <= Platform.now() } ?? false),
                ])
            }
            return .table(table)
        },
    ]

    static let groupServices: [Service] = [
        Service("AddMember", .update, "Adds a user or group", "member!, type=User") {
            try $0.changeMembers($1) { $0 + ($0.contains($1) ? [] : [$1]) }
        },
        Service("DeleteMember", .update, "Removes a user or group", "member!, type=User") {
            try $0.changeMembers($1) { members, member in members.filter { $0 != member } }
        },
        Service("GetGroupMembers", .view, "Its users and groups", "", "INFOTABLE:GroupMember") { platform, call in
            .table(
                Shapes.table(
                    "GroupMember",
                    (platform.model.groups[call.entity.name]?.members ?? []).map { member in
                        let about = platform.model.about(EntityRef(member.isGroup ? .group : .user, member.name))
                        return [.string(member.name), .string(about?.description ?? ""), .string(member.isGroup ? "Group" : "User")]
                    }))
        },
        Service("AssignMembers", .update, "Replaces its users and groups", "members INFOTABLE!") { platform, call in
            guard let table = try call.table("members"), var group = platform.model.groups[call.entity.name] else {
                throw ServiceFailure(.notFound, "AssignMembers: the parameter members is missing")
            }
            group.members = try (0..<table.rowCount).map { row in
                try platform.member(table[row, "name"]?.stringValue ?? "", table[row, "type"]?.stringValue ?? "User")
            }
            try platform.put(group, call)
            return .nothing
        },
    ]

    static let keyServices: [Service] = [
        Service("GetKeyID", .view, "The key itself, for ten minutes after it was made: only its digest is kept", "", "STRING") {
            platform, call in
            guard let secret = platform.credentials.secret(ofKey: call.entity.name, now: platform.loop.now) else {
                throw ServiceFailure(
                    .internalError,
                    "Unable to Invoke Service GetKeyID on \(call.entity.name) : a key is told for ten minutes after it was made, then only its digest is left"
                )
            }
            platform.audit("KeyShown", "", ["key": .string(call.entity.name), "by": .string(call.principal.user)])
            return .value(.string(secret.reveal()))
        },
        Service("GetUserName", .view, "The user that the key stands for", "", "STRING") {
            .value(.string($0.model.keys[$1.entity.name]?.user ?? ""))
        },
        Service("GetIPWhitelist", .view, "Addresses that it may be used from; empty: all", "", "STRING") { platform, call in
            .value(.string(platform.model.keys[call.entity.name]?.allowedAddresses.map(\.text).joined(separator: ",") ?? ""))
        },
        Service("GetClientName", .view, "What it is used by", "", "STRING") {
            .value(.string($0.model.keys[$1.entity.name]?.clientName ?? ""))
        },
        Service("GetExpirationDate", .view, "When it expires; nothing: never", "", "DATETIME") { platform, call in
            .value(platform.model.keys[call.entity.name]?.expires.map { .datetime($0) } ?? .nothing)
        },
        Service("IsExpired", .view, "Whether it has expired", "", "BOOLEAN") { platform, call in
            .value(.boolean(platform.model.keys[call.entity.name]?.expires.map { $0 <= Platform.now() } ?? false))
        },
        Service("GetLastUsedDate", .view, "When it was used last, to the minute", "", "DATETIME") { platform, call in
            .value(platform.model.keys[call.entity.name]?.lastUsed.map { .datetime($0) } ?? .nothing)
        },
        Service("IsEnabled", .view, "Whether it is good", "", "BOOLEAN") {
            .value(.boolean($0.model.keys[$1.entity.name]?.isEnabled ?? false))
        },
        Service("EnableKey", .update, "The key is good") { try $0.changeKey($1) { $0.isEnabled = true } },
        Service("DisableKey", .update, "The key is no good; its connections are closed") { platform, call in
            let result = try platform.changeKey(call) { $0.isEnabled = false }
            platform.endSessions(of: call.entity, "the application key was disabled")
            return result
        },
        Service("SetUserName", .update, "The user that the key stands for", "name!") { platform, call in
            let user = try call.required("name")
            guard platform.model.users[user] != nil else { throw ServiceFailure.notFound(.user, user) }
            try platform.demand(.update, EntityRef(.user, user), call)
            platform.endSessions(of: call.entity, "the application key stands for another user now")
            return try platform.changeKey(call) { $0.user = user }
        },
        Service("SetClientName", .update, "What it is used by", "name") { platform, call in
            let name = try call.string("name") ?? ""
            return try platform.changeKey(call) { $0.clientName = name }
        },
        Service("SetIPWhitelist", .update, "Addresses that it may be used from, with commas between them; empty: all", "list") {
            platform, call in
            do {
                let ranges = try AddressRange.list(try call.string("list") ?? "", "list")
                return try platform.changeKey(call) { $0.allowedAddresses = ranges }
            } catch let failure as DocumentFailure { throw ServiceFailure(.badRequest, "SetIPWhitelist: \(failure)") }
        },
        Service("SetExpirationDate", .update, "When it expires", "expirationDate DATETIME") { platform, call in
            let time = try call.time("expirationDate")
            return try platform.changeKey(call) { $0.expires = time }
        },
    ]
}

extension Platform {
    func groupList(of user: String) -> Infotable {
        Shapes.list(model.groups(of: user).sorted().map { ($0, model.groups[$0]?.about.description ?? "") })
    }

    func changeUser(_ call: ServiceCall, _ change: (inout User) -> Void) throws -> ServiceResult {
        guard var user = model.users[call.entity.name] else { throw ServiceFailure.notFound(.user, call.entity.name) }
        change(&user)
        guard user.isEnabled && !user.isLocked || user.name != call.principal.user else {
            throw ServiceFailure(.forbidden, "you are \(user.name) yourself")
        }
        user.about.lastModified = Platform.now()
        model.put(user)
        audit(call.service, "", ["user": .string(user.name), "by": .string(call.principal.user)])
        if !user.isEnabled || user.isLocked {
            endSessions(of: EntityRef(.user, user.name), "the user may not sign in any more")
        }
        return .nothing
    }

    func changeKey(_ call: ServiceCall, _ change: (inout ApplicationKey) -> Void) throws -> ServiceResult {
        guard var key = model.keys[call.entity.name] else { throw ServiceFailure.notFound(.applicationKey, call.entity.name) }
        change(&key)
        key.about.lastModified = Platform.now()
        model.put(key)
        audit(call.service, "", ["key": .string(key.name), "by": .string(call.principal.user)])
        return .nothing
    }

    // MARK: Groups

    func member(_ name: String, _ type: String) throws -> Group.Member {
        let isGroup = type.lowercased() == "group"
        let entity = EntityRef(isGroup ? .group : .user, name)
        guard model.has(entity) else { throw ServiceFailure.notFound(entity.kind, name) }
        return Group.Member(name: name, isGroup: isGroup)
    }

    func changeMembers(_ call: ServiceCall, _ change: ([Group.Member], Group.Member) -> [Group.Member]) throws -> ServiceResult {
        guard let name = try call.string("member") else {
            throw ServiceFailure(
                .internalError, "Unable to Invoke Service \(call.service) on \(call.entity.name) : the parameter member is missing")
        }
        guard var group = model.groups[call.entity.name] else { throw ServiceFailure.notFound(.group, call.entity.name) }
        let member = Group.Member(name: name, isGroup: try call.string("type")?.lowercased() == "group")
        if change([], member) == [member] { _ = try self.member(name, try call.string("type") ?? "User") }
        group.members = change(group.members, member)
        try put(group, call)
        return .nothing
    }

    func put(_ group: Group, _ call: ServiceCall) throws {
        var group = group
        group.about.lastModified = Platform.now()
        // Somebody has to be able to undo it.
        guard
            group.name != Principal.administrators || !call.principal.isAdministrator
                || group.members.contains(.init(name: call.principal.user, isGroup: false))
                || group.members.contains(where: \.isGroup)
        else { throw ServiceFailure(.forbidden, "you would not be an administrator any more") }
        model.put(group)
        audit("MembersChanged", "", ["group": .string(group.name), "by": .string(call.principal.user)])
    }

    // MARK: Passwords

    /// Off the loop, and so many at once that others keep their processor.
    func hash(_ password: Secret, _ call: ServiceCall) -> EventLoopFuture<PasswordHash> {
        credentials.passwords.run(on: loop) { try PasswordHash(of: password) }
    }

    func newPassword(_ call: ServiceCall) throws -> Secret {
        let password = try call.required("newPassword")
        guard try call.string("newPasswordConfirm") ?? password == password else {
            throw ServiceFailure(.badRequest, "\(call.service): the two new passwords differ")
        }
        guard password.utf8.count >= 8, password.utf8.count <= PasswordHash.longest, !password.utf8.contains(0) else {
            throw ServiceFailure(.badRequest, "\(call.service): expected a password of 8 to \(PasswordHash.longest) bytes")
        }
        return Secret(password)
    }

    func setPassword(_ password: Secret, of name: String, _ call: ServiceCall) -> EventLoopFuture<Response> {
        hash(password, call).map { hash in
            self.assumeIsolated { platform in
                guard var user = platform.model.users[name] else { return Response(.notFound, reason: "there is no User \(name)") }
                user.password = hash
                user.about.lastModified = Platform.now()
                platform.model.put(user)
                platform.credentials.forget(EntityRef(.user, name))
                platform.audit("PasswordChanged", "", ["user": .string(name), "by": .string(call.principal.user)])
                return Response(.success)
            }
        }.recover { Response(.internalError, reason: "\($0)") }
    }

    func changePassword(_ call: ServiceCall) throws -> ServiceResult {
        guard call.principal.user == call.entity.name, let user = model.users[call.entity.name] else {
            throw ServiceFailure(.forbidden, "\(call.principal.user) may not change the password of \(call.entity.name)")
        }
        let (old, new) = (Secret(try call.required("oldPassword")), try newPassword(call))
        guard let hash = user.password else { throw ServiceFailure(.forbidden, "\(user.name) has no password") }
        return .later(
            credentials.passwords.run(on: loop) { hash.matches(old) }.flatMap { isRight in
                self.assumeIsolated { platform in
                    guard isRight else { return platform.answer(Response(.forbidden, reason: "the old password is wrong")) }
                    return platform.setPassword(new, of: user.name, call)
                }
            }.recover { Response(.serviceUnavailable, reason: "\($0)") })
    }
}
