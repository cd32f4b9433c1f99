import AlwaysOn
import EdgeCore
import MessageStore
import NIOCore
import TestKit
import Testing

/// The order of deliveries, without a store and without a connection.
@Suite struct DeliveryTests {
    private var delivery: Delivery
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    init() {
        var settings = Delivery.Settings()
        settings.tries = 2
        delivery = Delivery(settings)
    }

    private func message(_ key: String, _ sequence: UInt64, push: Bool = false) throws -> StoredMessage {
        let row = Infotable("n", .integer(Int32(sequence)))
        var request = Request(
            .put, key, .property, "n", headers: [MessageIdentity(epoch: 1, number: sequence).field], content: try EncodedInfotable(row))
        if push {
            var values = Infotable(DataShape([.init("name", .string), .init("value", .variant), .init("time", .datetime)]))
            values.append([.string("n"), .integer(Int32(sequence)), .datetime(Int64(sequence))])
            request = Request(
                .post, key, .service, StoredRequest.pushService, headers: request.headers,
                content: try EncodedInfotable(Infotable("values", .infotable(values))))
        }
        return StoredMessage(
            place: .init(segment: 1, sequence: sequence), key: key, label: push ? 1 : 0, time: SystemClock.shared.now, isOfThisBoot: true,
            payload: StoredRequest.encoded(request), size: 100)
    }

    /// Gives the delivery what it reads, and returns what it sends.
    private mutating func load(_ messages: [StoredMessage], mayDeliver: (String) -> Bool = { _ in true }) -> [PushBatch] {
        var sent: [PushBatch] = []
        var actions = delivery.next(now)
        while !actions.isEmpty {
            var next: [Delivery.Action] = []
            for action in actions {
                switch action {
                case .read(_, let wanted):
                    var found = SegmentLog.Found()
                    found.messages = messages.filter { !wanted.blocked.contains($0.key) && $0.place.sequence > wanted.after[$0.key] ?? 0 }
                    found.isAtEnd = true
                    delivery.found(found, round: delivery.round) { key, _ in mayDeliver(key) }
                    next += delivery.next(now)
                case .send(_, let batch): sent.append(batch)
                case .remove, .setAside: break
                }
            }
            actions = next
        }
        return sent
    }

    private func numbers(_ batches: [PushBatch]) -> [UInt64] { batches.flatMap { $0.messages.map(\.place.sequence) } }

    @Test mutating func oneOfAThingAtATimeSeveralThingsSideBySide() throws {
        let messages = try [message("A", 1), message("A", 2), message("B", 3), message("C", 4), message("B", 5)]
        #expect(load(messages).isEmpty)
        delivery.open()
        #expect(numbers(load(messages)) == [1, 3, 4])
        #expect(numbers(load(messages)).isEmpty)
        _ = delivery.answered("B", Response(.success), now: now)
        #expect(numbers(load(messages)) == [5])
    }

    @Test mutating func pushesOfOneThingAreJoined() throws {
        let messages = try (1...50).map { try message("A", $0, push: true) } + [message("A", 51)] + [message("A", 52, push: true)]
        delivery.open()
        let first = load(messages)
        #expect(first.count == 1 && numbers(first) == Array(1...50))
        let content = try #require(first[0].request.content)
        let updates = try #require(PropertyUpdate.list(from: content.decoded()))
        #expect(updates.map(\.time) == (1...50).map { Int64($0) })
        #expect(MessageIdentity.parts(in: first[0].request.headers).map(\.identity.number) == Array(1...50))
        _ = delivery.answered("A", Response(.success), now: now)
        #expect(numbers(load(messages)) == [51])
    }

    @Test mutating func aLostConnectionDeliversAgain() throws {
        let messages = try [message("A", 1), message("A", 2), message("B", 3)]
        delivery.open()
        #expect(numbers(load(messages)) == [1, 3])
        guard case .remove(let removed)? = delivery.answered("A", Response(.success), now: now).first else {
            Issue.record("nothing is removed")
            return
        }
        #expect(removed.map(\.place.sequence) == [1])
        #expect(numbers(load(messages)) == [2])
        delivery.close()
        #expect(load(messages).isEmpty)
        delivery.open()
        // What was answered is not there for it any more, even where the disk has not heard of it yet.
        #expect(numbers(load(messages)).sorted() == [2, 3])
    }

    @Test mutating func aRefusedMessageIsFoundAmongOthersAndSetAside() throws {
        let messages = try (1...3).map { try message("A", $0, push: true) } + [message("B", 9)]
        delivery.open()
        #expect(numbers(load(messages)) == [1, 2, 3, 9])
        #expect(delivery.answered("A", Response(.badRequest), now: now).isEmpty)
        // One by one now.
        #expect(numbers(load(messages)) == [1])
        _ = delivery.answered("A", Response(.success), now: now)
        #expect(numbers(load(messages)) == [2])
        #expect(delivery.answered("A", Response(.badRequest), now: now).isEmpty)
        #expect(load(messages).isEmpty && delivery.waiting == ["A"])
        now = now + .seconds(1)
        #expect(numbers(load(messages)) == [2])
        guard case .setAside(let message, let response)? = delivery.answered("A", Response(.badRequest), now: now).first else {
            Issue.record("it is not set aside")
            return
        }
        #expect(message.place.sequence == 2 && response.status == .badRequest)
        #expect(numbers(load(messages)) == [3])
    }

    @Test mutating func whatThePlatformCannotDoNowIsTriedEverLessOften() throws {
        let messages = try [message("A", 1), message("B", 2)]
        delivery.open()
        #expect(numbers(load(messages)) == [1, 2])
        var pauses: [Int64] = []
        for _ in 0..<8 {
            #expect(delivery.answered("A", Response(.serviceUnavailable), now: now).isEmpty)
            #expect(load(messages).isEmpty)
            let next = try #require(delivery.nextDeadline(now))
            pauses.append((next - now).nanoseconds / 1_000_000_000)
            now = next
            #expect(numbers(load(messages)) == [1])
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60])
    }

    @Test mutating func whatIsNotBoundIsPassedOver() throws {
        let messages = try [message("New", 1), message("A", 2), message("New", 3), message("A", 4)]
        delivery.open()
        #expect(numbers(load(messages) { $0 == "A" }) == [2])
        #expect(delivery.waiting == ["New"])
        _ = delivery.answered("A", Response(.success), now: now)
        #expect(numbers(load(messages) { $0 == "A" }) == [4])
        delivery.unblock(delivery.blocked)
        #expect(numbers(load(messages)) == [1])
    }

    @Test mutating func liveRequestsLeaveRoomForEachOther() throws {
        let messages = try (1...40).map { try message("T\($0)", $0) }
        delivery.open()
        delivery.sentLive(now)
        #expect(load(messages).count == 1)
        now = now + .milliseconds(10)
        delivery.sentLive(now)
        _ = delivery.answered("T1", Response(.success), now: now)
        // As long as it took, nothing is sent.
        #expect(load(messages).isEmpty)
        #expect(delivery.nextDeadline(now) == now + .milliseconds(10))
        now = now + .milliseconds(10)
        #expect(load(messages).count == 1)
        now = now + .seconds(2)
        #expect(load(messages).count == 15)
    }

    /// Random answers, losses and bindings against what has to hold: each Thing's messages are answered in order, and all of them.
    @Test(arguments: 1...200) mutating func everythingIsDeliveredInOrder(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func chance(_ one: UInt64) -> Bool { random.next() % one == 0 }
        let keys = ["A", "B", "C"]
        var messages = try (1...60).map { try message(keys[Int(random.next() % 3)], $0, push: chance(2)) }
        var bound: Set<String> = []
        var taken: [String: [UInt64]] = [:]
        var waiting: [(String, PushBatch)] = []
        func answer(_ key: String, _ batch: PushBatch, _ response: Response) {
            for action in delivery.answered(key, response, now: now) {
                guard case .remove(let removed) = action else { continue }
                taken[key, default: []] += removed.map(\.place.sequence)
                let places = Set(removed.map(\.place.sequence))
                messages.removeAll { places.contains($0.place.sequence) }
                if !messages.contains(where: { $0.key == key }) { delivery.emptied(key) }
            }
        }
        let everything = messages
        for step in 0..<3000 {
            if messages.isEmpty { break }
            if step == 2000 { bound = Set(keys) }
            if chance(15) { delivery.close(); waiting = [] }
            if chance(3) { delivery.open() }
            if chance(10) { bound.insert(keys[Int(random.next() % 3)]) }
            let allowed = bound
            if chance(4) { delivery.unblock(allowed) }
            now = now + .milliseconds(Int64(random.next() % 2000))
            for batch in load(messages, mayDeliver: { allowed.contains($0) }) { waiting.append((batch.messages[0].key, batch)) }
            if !waiting.isEmpty, chance(2) {
                let (key, batch) = waiting.remove(at: Int(random.next() % UInt64(waiting.count)))
                answer(
                    key, batch,
                    chance(6) ? .unanswered(.gatewayTimeout, reason: "") : chance(8) ? Response(.serviceUnavailable) : Response(.success))
            }
        }
        #expect(messages.isEmpty)
        for key in keys { #expect(taken[key] ?? [] == everything.filter { $0.key == key }.map(\.place.sequence)) }
    }
}
