package import AlwaysOn
package import MessageStore
package import NIOCore

/// Brings what was stored to the platform: oldest first for each Thing, several Things side by side, each message until it is answered.
/// Decides what to read, send and remove; does none of it.
package struct Delivery {
    package struct Settings: Sendable, Equatable {
        /// Things that wait for an answer at once.
        package var window = 16
        /// Bytes of a joined push; 0: each message by itself.
        package var mergeSize = 8192
        /// Percent of the time that a delivery may be under way while live requests come.
        package var share = 50
        /// How often a message that the platform refuses is tried before it is set aside.
        package var tries = 3
        package var shortestPause: TimeAmount = .seconds(1)
        package var longestPause: TimeAmount = .seconds(60)

        package init() {}
    }

    package enum Action {
        case read(SegmentLog.Cursor, MessageStore.Wanted)
        case send(key: String, PushBatch)
        case remove([StoredMessage])
        case setAside(StoredMessage, Response)
    }

    private struct Queue {
        var messages: ArraySlice<StoredMessage> = []
        var isWaiting = false
    }

    private struct Trouble {
        var tries = 0
        var pause: TimeAmount
        /// Messages that are to be sent one at a time, to find the one that is refused.
        var single = 0
    }

    static let readBytes = 262_144
    static let readMessages = 2048

    package var settings: Settings
    private var isOpen = false
    private var cursor = SegmentLog.Cursor()
    private var isReading = false
    /// Nothing lies behind the cursor.
    private var isAtEnd = false
    /// Something before the cursor has become deliverable.
    private var mustRewind = false
    private var queues: [String: Queue] = [:]
    private var ready: [String] = []
    private var loaded = 0
    private var inFlight: [String: (batch: PushBatch, since: NIODeadline)] = [:]
    /// The last message of each Thing that is at hand, or done with.
    private var after: [String: UInt64] = [:]
    /// Things that may not be delivered to now.
    package private(set) var blocked: Set<String> = []
    private var paused: [String: NIODeadline] = [:]
    private var troubles: [String: Trouble] = [:]
    private var nextSend = NIODeadline.distantPast
    private var lastLive = NIODeadline.distantPast
    /// Counts how often it was opened: what was read before is not taken.
    package private(set) var round = 0
    package private(set) var delivered = 0
    package private(set) var lastRefusal: String?

    package init(_ settings: Settings) { self.settings = settings }

    /// Things that are passed over: not bound, or paused after a refusal.
    package var waiting: [String] { blocked.union(paused.keys).sorted() }

    // MARK: Events

    /// The platform has accepted the key and answered the BINDs.
    package mutating func open() {
        guard !isOpen else { return }
        isOpen = true
        rewind()
    }

    /// The connection is gone: what had no answer is delivered again.
    package mutating func close() {
        isOpen = false
        round += 1
        for (key, queue) in queues { unload(key, queue) }
        for (key, sending) in inFlight { unload(key, Queue(messages: sending.batch.messages[...])) }
        inFlight = [:]
        queues = [:]
        ready = []
        loaded = 0
        blocked = []
        paused = [:]
        isReading = false
    }

    /// What is at hand is to be read again: some of it was thrown away.
    package mutating func reload() {
        guard isOpen else { return }
        close()
        open()
    }

    /// Something new was stored.
    package mutating func stored() { isAtEnd = false }

    /// A live request was sent: deliveries leave room for it.
    package mutating func sentLive(_ now: NIODeadline) { lastLive = now }

    /// Things may have been bound.
    package mutating func unblock(_ things: Set<String>) {
        guard !blocked.isDisjoint(with: things) else { return }
        blocked.subtract(things)
        mustRewind = true
    }

    /// A pause of this Thing ends at once.
    package mutating func resume(_ key: String) {
        guard paused.removeValue(forKey: key) != nil else { return }
        troubles[key]?.pause = settings.shortestPause
        mustRewind = true
    }

    /// The store's answer to `read`, with what `next` gave.
    package mutating func found(_ found: SegmentLog.Found, round: Int, mayDeliver: (String, StoredRequest.Label) -> Bool) {
        guard round == self.round else { return }
        isReading = false
        guard isOpen else { return }
        cursor = found.cursor
        isAtEnd = found.isAtEnd
        for message in found.messages where message.place.sequence > after[message.key] ?? 0 {
            guard !blocked.contains(message.key), paused[message.key] == nil else { continue }
            guard mayDeliver(message.key, StoredRequest.Label(rawValue: message.label)) else {
                blocked.insert(message.key)
                continue
            }
            after[message.key] = message.place.sequence
            loaded += 1
            queues[message.key, default: Queue()].messages.append(message)
            makeReady(message.key)
        }
    }

    private mutating func makeReady(_ key: String) {
        guard inFlight[key] == nil, paused[key] == nil, queues[key]?.messages.isEmpty == false, queues[key]?.isWaiting == false else {
            return
        }
        queues[key]?.isWaiting = true
        ready.append(key)
    }

    package mutating func answered(_ key: String, _ response: Response, now: NIODeadline) -> [Action] {
        guard let (batch, since) = inFlight.removeValue(forKey: key) else { return [] }
        if now - lastLive < .seconds(1), settings.share < 100 {
            nextSend = now + .nanoseconds((now - since).nanoseconds * Int64(100 - settings.share) / Int64(max(settings.share, 1)))
        }
        if response.status.isSuccess, response.origin == .peer {
            return done(key, batch, now)
        }
        guard response.origin == .peer, response.status.rawValue >> 5 == 4 else {
            // No answer, or one that says that the platform could not: the same again, later.
            giveBack(key, batch)
            pause(key, now)
            return []
        }
        lastRefusal = "\(key): \(response.status)\(response.reasonText.map { ", \($0)" } ?? "")"
        return refused(key, batch, response, now)
    }

    private mutating func done(_ key: String, _ batch: PushBatch, _ now: NIODeadline) -> [Action] {
        delivered += batch.messages.count
        if var trouble = troubles[key] {
            trouble.single -= batch.messages.count
            trouble.tries = 0
            trouble.pause = settings.shortestPause
            troubles[key] = trouble.single > 0 ? trouble : nil
        }
        makeReady(key)
        return [.remove(batch.messages)]
    }

    private mutating func refused(_ key: String, _ batch: PushBatch, _ response: Response, _ now: NIODeadline) -> [Action] {
        var trouble = troubles[key] ?? Trouble(pause: settings.shortestPause)
        guard batch.messages.count == 1 else {
            trouble.single = batch.messages.count
            troubles[key] = trouble
            giveBack(key, batch)
            makeReady(key)
            return []
        }
        trouble.tries += 1
        guard trouble.tries >= settings.tries else {
            troubles[key] = trouble
            giveBack(key, batch)
            pause(key, now)
            return []
        }
        trouble.tries = 0
        trouble.single -= 1
        troubles[key] = trouble.single > 0 ? trouble : nil
        makeReady(key)
        return [.setAside(batch.messages[0], response)]
    }

    /// Back to the front of its Thing's queue.
    private mutating func giveBack(_ key: String, _ batch: PushBatch) {
        queues[key, default: Queue()].messages = batch.messages[...] + (queues[key]?.messages ?? [])
        loaded += batch.messages.count
    }

    /// Nothing of this Thing for a while, nor in the way of others meanwhile.
    private mutating func pause(_ key: String, _ now: NIODeadline) {
        var trouble = troubles[key] ?? Trouble(pause: settings.shortestPause)
        paused[key] = now + trouble.pause
        trouble.pause = min(trouble.pause * 2, settings.longestPause)
        troubles[key] = trouble
        if let queue = queues.removeValue(forKey: key) {
            loaded -= queue.messages.count
            unload(key, queue)
        }
        ready.removeAll { $0 == key }
    }

    private mutating func unload(_ key: String, _ queue: Queue) {
        guard let first = queue.messages.first else { return }
        after[key] = min(after[key] ?? .max, first.place.sequence - 1)
    }

    /// Removed from the disk: nothing of this Thing is left there.
    package mutating func emptied(_ key: String) {
        guard inFlight[key] == nil, queues[key]?.messages.isEmpty ?? true else { return }
        queues[key] = nil
        after[key] = nil
        troubles[key] = nil
    }

    private mutating func rewind() {
        cursor = SegmentLog.Cursor()
        isAtEnd = false
        mustRewind = false
    }

    // MARK: What is to be done

    /// - Parameter time: by which messages that were stored before the clock was set are put right.
    package mutating func next(_ now: NIODeadline, time: StoredTime = SystemClock.shared.now) -> [Action] {
        guard isOpen else { return [] }
        for (key, deadline) in paused where deadline <= now {
            paused[key] = nil
            mustRewind = true
        }
        var actions: [Action] = []
        let isBusy = now - lastLive < .seconds(1)
        // While live requests come, one at a time and not all the time.
        let window = isBusy && settings.share < 100 ? min(settings.window, 1) : settings.window
        while inFlight.count < window, !isBusy || now >= nextSend, !ready.isEmpty {
            let key = ready.removeFirst()
            guard var queue = queues[key] else { continue }
            queue.isWaiting = false
            let size = troubles[key]?.single ?? 0 > 0 ? 0 : settings.mergeSize
            guard let batch = PushBatch.take(from: queue.messages, size: size, now: time) else {
                if let first = queue.messages.popFirst() {
                    actions.append(.setAside(first, Response(.badRequest, reason: "it cannot be read")))
                }
                queues[key] = queue
                makeReady(key)
                continue
            }
            queue.messages = queue.messages.dropFirst(batch.messages.count)
            queues[key] = queue.messages.isEmpty ? nil : queue
            loaded -= batch.messages.count
            inFlight[key] = (batch, now)
            actions.append(.send(key: key, batch))
        }
        if !isReading, loaded < Delivery.readMessages / 2 {
            if mustRewind { rewind() }
            if !isAtEnd {
                isReading = true
                var wanted = MessageStore.Wanted()
                wanted.blocked = blocked.union(paused.keys)
                wanted.after = after
                actions.append(.read(cursor, wanted))
            }
        }
        return actions
    }

    /// When `next` has something to do that no event brings.
    package func nextDeadline(_ now: NIODeadline) -> NIODeadline? {
        guard isOpen else { return nil }
        var deadline = paused.values.min()
        if !ready.isEmpty, inFlight.isEmpty, nextSend > now { deadline = min(deadline ?? .distantFuture, nextSend) }
        // Alone again, the whole window is open.
        if !ready.isEmpty, !inFlight.isEmpty { deadline = min(deadline ?? .distantFuture, lastLive + .seconds(1)) }
        return deadline.map { max($0, now + .microseconds(100)) }
    }
}
