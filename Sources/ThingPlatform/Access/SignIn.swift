import AlwaysOn
import Formats
import NIOCore
package import Secrets
package import ThingModel

/// Signing in with keys, passwords, sessions and one-time tokens.
extension Platform {
    /// Looks at a key: a right one passes at any rate, wrong ones are counted for their address.
    func signIn(key: Secret, from address: SocketAddress?) -> Authentication {
        let now = Platform.now()
        let outcome = model.authenticate(key, from: address, now: now)
        switch outcome {
        case .accepted(_, let name):
            model.noteUse(ofKey: name, now: now)
            if model.hasChanges { commitSoon() }
        case .refused: credentials.attempts.failed(address?.ipAddress ?? "", now: loop.now)
        }
        return outcome
    }

    /// A user whose password is to be looked at.
    func mayTry(from address: SocketAddress?) -> Bool { credentials.attempts.allows(address?.ipAddress ?? "", now: loop.now) }

    /// The user of a session, as long as user and key are good.
    func signIn(session token: Secret) -> (principal: Principal, key: String?)? {
        guard let found = credentials.session(token, now: loop.now), let user = model.users[found.user], user.isEnabled, !user.isLocked
        else { return nil }
        if let key = found.key, !model.isGood(key: key, now: Platform.now()) { return nil }
        return (model.principal(user.name), found.key)
    }

    /// Looks at a password. The future is nil where it is wrong, whatever the cause; it fails where too many are being looked at.
    func signIn(_ name: String, _ password: Secret, from address: SocketAddress?) -> EventLoopFuture<Principal?> {
        let user = model.users[name].flatMap { $0.isEnabled && !$0.isLocked ? $0 : nil }
        if let user, credentials.isVerified(name, password, now: loop.now) { return loop.makeSucceededFuture(model.principal(user.name)) }
        // A user that is not there takes as long as one that is.
        let hash = user?.password
        return credentials.passwords.run(on: loop) { (hash ?? Platform.nobody)?.matches(password) ?? false }.map { matches in
            self.assumeIsolated { platform in
                guard matches, hash != nil, platform.model.users[name]?.password == hash else {
                    platform.credentials.attempts.failed(address?.ipAddress ?? "", now: platform.loop.now)
                    platform.refusals.note(
                        "sign-in of \(NameList([name])) from \(address?.ipAddress ?? "?") refused: the user is unknown or disabled, or the password is wrong"
                    )
                    platform.audit(
                        "SignInRefused", "", ["user": .string(String(name.prefix(64))), "address": .string(address?.ipAddress ?? "?")],
                        isFrequent: true)
                    return nil
                }
                platform.credentials.noteVerified(name, password, now: platform.loop.now)
                return platform.model.principal(name)
            }
        }
    }

    private static let nobody = try? PasswordHash(of: Secret(Credentials.randomToken()))

    /// A link that signs an administrator in once, within an hour: its token.
    package func makeSignInToken(for user: String) -> Secret {
        credentials.makeOneTimeToken(for: user, now: loop.now, lasting: .hours(1))
    }

    /// The first start without anybody who could sign in: makes an administrator.
    /// - Returns: the password, which is not told again; nil where there is somebody.
    package func makeFirstAdministrator() throws(PasswordFailure) -> Secret? {
        guard model.users.isEmpty else { return nil }
        let password = Secret(KeyDigest.newKey().prefix(18).description)
        var user = User(name: "Administrator")
        user.password = try PasswordHash(of: password)
        model.put(user)
        var group = model.groups[Principal.administrators] ?? Group(name: Principal.administrators)
        group.members.append(.init(name: user.name, isGroup: false))
        model.put(group)
        _ = committed()
        return password
    }

    /// What REST reads as a property of an entity that is no Thing.
    func attribute(_ request: Request, of entity: EntityRef) -> Response {
        guard request.method == .get, let about = model.about(entity) else {
            return Response(.notFound, reason: "\(entity.name) has no property \(request.name)")
        }
        let all: KeyValuePairs<String, Value> = [
            "name": .text(entity.kind.nameType, entity.name), "description": .string(about.description),
            "tags": .text(.tags, about.tags.joined(separator: ";")),
            "isSystemObject": .boolean(about.isSystem), "homeMashup": .text(.mashupName, about.homeMashup),
            "projectName": .string(about.projectName),
        ]
        if request.name.isEmpty || request.name == "*" { return .success(Infotable(row: all)) }
        guard let found = all.first(where: { $0.key == request.name }) else {
            return Response(.notFound, reason: "\(entity.name) has no property \(request.name)")
        }
        return .success(Infotable(found.key, found.value))
    }
}
