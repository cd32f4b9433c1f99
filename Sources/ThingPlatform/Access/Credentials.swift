import Crypto
import Formats
import NIOCore
import Secrets
import ThingModel

/// Sessions of browsers, passwords that were found right, and how often strangers may try: everything about signing in that is not
/// kept.
struct Credentials {
    // MARK: Sessions

    private struct Session {
        let user: String
        /// The key with which it was begun; it ends with it.
        let key: String?
        let begun: NIODeadline
        var used: NIODeadline
    }

    static let sessionMinutes: Int64 = 30
    private static let longestSession = TimeAmount.hours(12)
    private static let mostSessions = 10_000
    private static let mostOfUser = 200

    /// By the digest of their token: whoever reads this memory by mistake has no session.
    private var sessions: [KeyDigest: Session] = [:]

    var sessionCount: Int { sessions.count }

    /// - Returns: the token, which is not kept.
    mutating func begin(user: String, key: String?, now: NIODeadline) -> Secret {
        sessions = sessions.filter { isAlive($0.value, now) }
        let own = sessions.filter { $0.value.user == user }
        if own.count >= Credentials.mostOfUser || sessions.count >= Credentials.mostSessions,
            let oldest = (own.isEmpty ? sessions : own).min(by: { $0.value.used < $1.value.used })
        {
            sessions[oldest.key] = nil
        }
        let token = Secret(Credentials.randomToken())
        sessions[KeyDigest(of: token)] = Session(user: user, key: key, begun: now, used: now)
        return token
    }

    /// Who has begun a session, and with which key.
    mutating func session(_ token: Secret, now: NIODeadline) -> (user: String, key: String?)? {
        let digest = KeyDigest(of: token)
        guard let session = sessions[digest] else { return nil }
        guard isAlive(session, now) else {
            sessions[digest] = nil
            return nil
        }
        sessions[digest]?.used = now
        return (session.user, session.key)
    }

    mutating func end(_ token: Secret) { sessions[KeyDigest(of: token)] = nil }

    private func isAlive(_ session: Session, _ now: NIODeadline) -> Bool {
        now - session.used < .minutes(Credentials.sessionMinutes) && now - session.begun < Credentials.longestSession
    }

    static func randomToken() -> String {
        var generator = SystemRandomNumberGenerator()
        return Hex.encode((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    // MARK: One-time tokens

    private var oneTime: [KeyDigest: (user: String, until: NIODeadline)] = [:]

    /// A token that begins one session.
    mutating func makeOneTimeToken(for user: String, now: NIODeadline, lasting: TimeAmount) -> Secret {
        oneTime = oneTime.filter { $0.value.until > now }
        let token = Secret(Credentials.randomToken())
        oneTime[KeyDigest(of: token)] = (user, now + lasting)
        return token
    }

    mutating func redeem(_ token: Secret, now: NIODeadline) -> String? {
        guard let found = oneTime.removeValue(forKey: KeyDigest(of: token)), found.until > now else { return nil }
        return found.user
    }

    // MARK: Passwords

    let passwords = PasswordWork()
    /// Users whose password was found right, by a code of both that is worth nothing elsewhere: hashing takes long.
    private var verified: [[UInt8]: (user: String, until: NIODeadline)] = [:]
    private let verifiedKey = SymmetricKey(size: .bits256)
    private static let mostVerified = 1000

    private func code(_ user: String, _ password: Secret) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array("\(user):\(password.reveal())".utf8), using: verifiedKey))
    }

    func isVerified(_ user: String, _ password: Secret, now: NIODeadline) -> Bool {
        verified[code(user, password)].map { $0.user == user && $0.until > now } ?? false
    }

    mutating func noteVerified(_ user: String, _ password: Secret, now: NIODeadline) {
        if verified.count >= Credentials.mostVerified { verified = verified.filter { $0.value.until > now } }
        if verified.count >= Credentials.mostVerified { verified = [:] }
        verified[code(user, password)] = (user, now + .minutes(15))
    }

    // MARK: Keys that were just made

    private var shown: [String: (secret: Secret, until: NIODeadline)] = [:]

    mutating func remember(_ secret: Secret, ofKey name: String, now: NIODeadline) {
        shown = shown.filter { $0.value.until > now }
        shown[name] = (secret, now + .minutes(10))
    }

    func secret(ofKey name: String, now: NIODeadline) -> Secret? { shown[name].flatMap { $0.until > now ? $0.secret : nil } }

    // MARK: Ending

    /// A user or key is gone, or is another.
    mutating func forget(_ entity: EntityRef) {
        switch entity.kind {
        case .user:
            sessions = sessions.filter { $0.value.user != entity.name }
            verified = verified.filter { $0.value.user != entity.name }
            oneTime = oneTime.filter { $0.value.user != entity.name }
        case .applicationKey:
            sessions = sessions.filter { $0.value.key != entity.name }
            shown[entity.name] = nil
        default: break
        }
    }

    var attempts = AttemptLimiter()
}

/// How often an address may try keys and passwords that are wrong. Right ones are not counted, and pass at any rate.
struct AttemptLimiter {
    private struct Bucket {
        var left: Double
        var filled: NIODeadline
    }

    private var buckets: [String: Bucket] = [:]

    /// Wrong attempts in a row that are answered as such, and how many more a second.
    private static let burst = 20.0
    private static let perSecond = 1.0
    private static let mostAddresses = 4096

    /// Whether another attempt is looked at.
    func allows(_ address: String, now: NIODeadline) -> Bool { left(address, now) >= 1 }

    mutating func failed(_ address: String, now: NIODeadline) {
        let left = left(address, now)
        // Whoever has many addresses makes the oldest ones forgotten, not everybody's.
        if buckets[address] == nil, buckets.count >= AttemptLimiter.mostAddresses,
            let oldest = buckets.min(by: { $0.value.filled < $1.value.filled })
        {
            buckets[oldest.key] = nil
        }
        buckets[address] = Bucket(left: max(left - 1, 0), filled: now)
    }

    private func left(_ address: String, _ now: NIODeadline) -> Double {
        guard let bucket = buckets[address] else { return AttemptLimiter.burst }
        let seconds = Double((now - bucket.filled).nanoseconds) / 1e9
        return min(bucket.left + seconds * AttemptLimiter.perSecond, AttemptLimiter.burst)
    }
}
