import AlwaysOn
import Glibc
package import MessageStore
package import NIOCore
package import Secrets

/// The two stores of a gateway: what waits for the platform, and what the platform refused.
package struct OfflineStores: Sendable {
    package static let refusedDirectory = "refused"

    package let waiting: MessageStore
    package let refused: MessageStore

    /// Takes time: not for an event loop.
    ///
    /// - Parameter mayMakeKey: false where something is encrypted with a key that is missing: a new one would only hide that.
    /// - Throws: `StoreFailure` or what the key file says.
    package static func open(
        _ settings: GatewayConfiguration.OfflineStore, keyFile: KeyFile, mayMakeKey: Bool, on loop: any EventLoop
    ) throws -> OfflineStores {
        let ring: KeyRing?
        do {
            ring = try keyFile.load() ?? (settings.encrypts && mayMakeKey ? keyFile.loadOrCreate() : nil)
            guard ring != nil || !settings.encrypts else { throw FileFailure("read", keyFile.path, code: ENOENT) }
        } catch {
            guard settings.encrypts else { throw error }
            throw StoreFailure(.closed, "there is no key to encrypt with (\(error)): mend that, or set offline_msg_store.encrypt to false")
        }
        var limits = settings.limits
        let waiting = try SegmentLog(files: DiskFiles(settings.directory), ring: ring, isSealing: settings.encrypts, limits: limits)
        limits.maximumAge = nil
        limits.whenFull = .dropOldest
        let refused = try SegmentLog(
            files: DiskFiles("\(settings.directory)/\(refusedDirectory)"), ring: ring, isSealing: settings.encrypts, limits: limits)
        return OfflineStores(
            waiting: MessageStore(waiting, sync: settings.storeSync, on: loop), refused: MessageStore(refused, on: loop))
    }
}

/// Numbers requests, for each name that they are sent to.
struct IdentitySource {
    private var epoch = MessageIdentity.newEpoch()
    private var numbers: [String: UInt64] = [:]
    private static let mostNames = 65_536

    private static func increment(_ number: inout UInt64) -> UInt64 {
        number += 1
        return number
    }

    mutating func next(for name: String) -> MessageIdentity {
        // Names come from outside: rather a new epoch than memory without end.
        if numbers.count >= IdentitySource.mostNames, numbers[name] == nil {
            numbers = [:]
            epoch = MessageIdentity.newEpoch()
        }
        return MessageIdentity(epoch: epoch, number: IdentitySource.increment(&numbers[name, default: 0]))
    }
}

/// What a gateway has while its stores are open.
struct Outbox {
    let stores: OfflineStores
    var delivery: Delivery
    var identities = IdentitySource()
    var timer: (deadline: NIODeadline, task: Scheduled<Void>)?
    /// BINDs that the platform has not answered yet; nil while there is no connection.
    var unansweredBinds: Int?
    var onlineSince = NIODeadline.distantPast
    var graceTimer: Scheduled<Void>?
    /// Waits for everything to be delivered.
    var drained: EventLoopPromise<Void>?
}
