import Logging
import LuaRuntime
import MessageStore
import NIOConcurrencyHelpers
import NIOCore
import Secrets

/// Pushes of Things that wait on disk while the gateway is away: for each Thing in the order in which its values were read
/// (Documentation/store.md). There is one where `push_store` names a directory.
final class PushStore: Sendable {
    private let store: NIOLoopBound<MessageStore>
    private let loop: any EventLoop
    /// The oldest of a Thing, once it was asked for, until it is done with.
    private let fronts: NIOLoopBoundBox<[String: StoredMessage]>

    /// Takes time: not for an event loop.
    /// - Throws: `StoreFailure` or what the key file says.
    static func open(_ directory: String, size: Int, keyFile: KeyFile, on loop: any EventLoop) throws -> MessageStore {
        var limits = StoreLimits()
        limits.maximumSize = size
        limits.whenFull = .dropOldest
        return MessageStore(try SegmentLog(files: DiskFiles(directory), ring: try keyFile.loadOrCreate(), limits: limits), on: loop)
    }

    /// On the loop.
    init(_ store: MessageStore, on loop: any EventLoop, logger: Logger) {
        self.loop = loop
        self.store = NIOLoopBound(store, eventLoop: loop)
        fronts = NIOLoopBoundBox([:], eventLoop: loop)
        store.onReports = { for report in $0 { logger.warning("push_store: \(report)") } }
        store.onGone = {
            for (thing, count) in $0 {
                logger.warning("\(count) pushes of \(thing) are gone: there was no room for them, or they were damaged")
            }
        }
        store.start()
    }

    /// How many wait. On the loop.
    var count: Int { store.value.status.messages }

    /// → true, or false and why.
    func keep(_ text: [UInt8], _ identity: String, of thing: String) -> EventLoopFuture<[LuaValue]> {
        loop.flatSubmit { [store] in
            var payload = ByteBuffer()
            payload.writeInteger(UInt8(truncatingIfNeeded: identity.utf8.count))
            payload.writeString(identity)
            payload.writeBytes(text)
            return store.value.append(NewMessage(key: thing, payload: payload, time: SystemClock.shared.now)).map { _ in [.boolean(true)] }
        }.flatMapErrorThrowing { [.boolean(false), .text("\($0)")] }
    }

    /// The oldest: → its text, its identity; nothing where there is none.
    func oldest(of thing: String) -> EventLoopFuture<[LuaValue]> {
        loop.flatSubmit { [store, fronts, loop] in
            if let front = fronts.value[thing] { return loop.makeSucceededFuture(PushStore.values(of: front)) }
            guard store.value.count(of: thing) > 0 else { return loop.makeSucceededFuture([]) }
            var wanted = MessageStore.Wanted()
            wanted.blocked = Set(store.value.keys).subtracting([thing])
            return store.value.read(from: .init(), bytes: 1, messages: 1, wanted: wanted).map { found in
                fronts.value[thing] = found.messages.first
                return found.messages.first.map { PushStore.values(of: $0) } ?? []
            }
        }
    }

    private static func values(of message: StoredMessage) -> [LuaValue] {
        var payload = message.payload
        let identity = payload.readInteger(as: UInt8.self).flatMap { payload.readString(length: Int($0)) } ?? ""
        return [.string(Array(payload.readableBytesView)), .text(identity)]
    }

    /// The gateway has taken the oldest.
    func dropOldest(of thing: String) -> EventLoopFuture<[LuaValue]> {
        loop.flatSubmit { [store, fronts, loop] in
            guard let front = fronts.value.removeValue(forKey: thing) else { return loop.makeSucceededFuture([]) }
            return store.value.remove([front]).map { [] }
        }
    }

    func close() async { try? await loop.flatSubmit { [store] in store.value.close() }.get() }
}

/// Numbers of pushes count from one for each start of a script: they are told apart by this.
enum MessageEpoch {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    static func text() -> String { String((0..<8).map { _ in digits[Int.random(in: digits.indices)] }) }
}
