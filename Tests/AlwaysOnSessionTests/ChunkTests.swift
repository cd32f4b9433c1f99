import AlwaysOn
import Formats
import NIOCore
import TestKit
import Testing

@testable import AlwaysOnSession

@Suite struct ChunkTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    func message(_ id: UInt32, length: Int, isRequest: Bool) -> Message {
        let content = try? EncodedInfotable(Infotable("data", .blob(ByteBuffer(repeating: UInt8(truncatingIfNeeded: id), count: length))))
        if isRequest {
            return Message(
                header: Header(code: Method.post.rawValue, requestID: id, sessionID: 1),
                body: .request(Request(.post, "Thing", .service, "Write", content: content)))
        }
        return Message(
            header: Header(code: Status.success.rawValue, requestID: id, sessionID: 1),
            body: .response(Response(.success, content: content)))
    }

    func chunks(_ message: Message, size: Int = 1024) throws -> [Chunk] {
        try Chunk.split(message.encoded(), size: size).map {
            guard case .chunk(let chunk) = try Packet(decoding: $0) else { throw WireError("no chunk", offset: 0) }
            return chunk
        }
    }

    @Test func interleavedSetsAreJoinedInAnyOrder() throws {
        var generator = SeededGenerator(seed: 8)
        var assembler = ChunkAssembler(limits: SessionLimits())
        // The same id in both directions, and another one.
        let whole = [
            message(5, length: 9000, isRequest: true), message(5, length: 5000, isRequest: false),
            message(6, length: 20_000, isRequest: true),
        ]
        var done: [ByteBuffer] = []
        for chunk in try whole.flatMap({ try chunks($0) }).shuffled(using: &generator) {
            if case .complete(let bytes) = assembler.add(chunk, now: start) { done.append(bytes) }
        }
        #expect(done.count == 3)
        for message in whole { #expect(done.contains(message.encoded())) }
    }

    @Test func anEmptyExtraChunkIsTolerated() throws {
        var assembler = ChunkAssembler(limits: SessionLimits())
        let original = message(1, length: 4000, isRequest: false)
        var parts = try chunks(original)
        for index in parts.indices { parts[index].count += 1 }
        var extra = parts[0]
        extra.number = extra.count
        extra.data = ByteBuffer()
        for part in parts { #expect(assembler.add(part, now: start) == .incomplete) }
        #expect(assembler.add(extra, now: start) == .complete(original.encoded()))
    }

    @Test func limitsHold() throws {
        var limits = SessionLimits()
        limits.maximumMessageSize = 10_000
        limits.maximumChunkSets = 2
        var assembler = ChunkAssembler(limits: limits)
        var huge = try chunks(message(1, length: 3000, isRequest: true))[0]
        huge.count = 60_000
        guard case .refused(.entityTooLarge, _) = assembler.add(huge, now: start) else {
            Issue.record("too many chunks were accepted")
            return
        }
        for id: UInt32 in 1...2 {
            #expect(assembler.add(try chunks(message(id, length: 3000, isRequest: true))[0], now: start) == .incomplete)
        }
        guard case .refused(.serviceUnavailable, _) = assembler.add(try chunks(message(3, length: 3000, isRequest: true))[0], now: start)
        else {
            Issue.record("too many sets were accepted")
            return
        }
        var odd = try chunks(message(1, length: 3000, isRequest: true))[1]
        odd.count += 1
        guard case .refused(.badRequest, _) = assembler.add(odd, now: start) else {
            Issue.record("a contradiction was accepted")
            return
        }
    }

    /// What is kept counts: long names, many small pieces, pieces behind a gap; and all sessions share a bound.
    @Test func everythingThatIsKeptCounts() throws {
        var limits = SessionLimits()
        limits.maximumMessageSize = 10_000
        limits.incomplete = ByteBudget(most: 30_000)
        var assembler = ChunkAssembler(limits: limits)
        var named = try chunks(message(1, length: 3000, isRequest: true))[0]
        named.entity?.name = String(repeating: "n", count: 2000)
        guard case .refused(.entityTooLarge, _) = assembler.add(named, now: start) else {
            Issue.record("a name of 2000 bytes was kept")
            return
        }
        #expect(assembler.kept == 0 && limits.incomplete.count == 0)
        let parts = try chunks(message(2, length: 3000, isRequest: true))
        for part in parts.reversed().dropLast() { #expect(assembler.add(part, now: start) == .incomplete) }
        #expect(assembler.kept > 2000 && limits.incomplete.count == assembler.kept)
        // The one in front joins them all.
        guard case .complete(let whole) = assembler.add(parts[0], now: start) else {
            Issue.record("not complete")
            return
        }
        #expect(whole == message(2, length: 3000, isRequest: true).encoded())
        #expect(assembler.kept == 0 && limits.incomplete.count == 0)
        // Another session's share is taken.
        #expect(limits.incomplete.take(29_900))
        guard case .refused(.serviceUnavailable, _) = assembler.add(parts[0], now: start) else {
            Issue.record("more than all may keep was kept")
            return
        }
        limits.incomplete.give(29_900)
        #expect(assembler.add(parts[0], now: start) == .incomplete)
        assembler.removeAll()
        #expect(assembler.kept == 0 && limits.incomplete.count == 0)
    }

    @Test func staleSetsAreDroppedAndAnswered() throws {
        var session = EdgeSession<Int>(configuration: .init())
        let auth = try #require(try messages(session.connected(Auth(applicationKey: "k"), now: start)).first)
        _ = session.received(answer(Response(.success), to: auth, session: 1), now: start)
        let first = try Chunk.split(message(9, length: 20_000, isRequest: true).encoded(), size: 8192)[0]
        guard case .none = session.received(first, now: start) else {
            Issue.record("a chunk alone had an effect")
            return
        }
        #expect(session.tick(start + .seconds(49)).isEmpty)
        let replies = session.tick(start + .seconds(50)).flatMap { (try? messages($0)) ?? [] }
        #expect(replies.first?.header.code == Status.gatewayTimeout.rawValue)
        #expect(replies.first?.header.requestID == 9)
        #expect(session.counters.droppedChunkSets == 1)
    }

    /// A large request of the one end arrives whole at the other, whatever the chunk size.
    @Test(arguments: [512, 1000, 8192, 65_535])
    func largeRequestsTravelBothWays(chunkSize: Int) throws {
        var edgeConfiguration = EdgeSession<Int>.Configuration()
        edgeConfiguration.limits.chunkSize = chunkSize
        var platformConfiguration = PlatformSession<Int>.Configuration()
        platformConfiguration.limits.chunkSize = chunkSize
        var edge = EdgeSession<Int>(configuration: edgeConfiguration)
        var platform = PlatformSession<Int>(configuration: platformConfiguration, now: start)
        guard case .send(let auth) = edge.connected(Auth(applicationKey: "k"), now: start),
            case .authenticate(let header, _) = platform.received(auth[0], now: start),
            case .send(let accepted) = platform.accept(header, session: 5), case .online = edge.received(accepted[0], now: start)
        else {
            Issue.record("no session")
            return
        }
        guard case .request(let request) = message(1, length: 200_000, isRequest: true).body else { return }
        guard case .send(let sent) = edge.request(request, token: 1, deadline: start + .seconds(5)) else {
            Issue.record("not sent")
            return
        }
        #expect(sent.count > 1 && sent.allSatisfy { $0.readableBytes <= chunkSize })
        var arrived: (Header, Request)?
        for bytes in sent {
            if case .perform(let header, let request) = platform.received(bytes, now: start) { arrived = (header, request) }
        }
        #expect(arrived?.1 == request)
        guard let header = arrived?.0, case .send(let back) = platform.respond(Response(.success, content: request.content), to: header)
        else { return }
        var completed: Response?
        for bytes in back { if case .complete(1, let response) = edge.received(bytes, now: start) { completed = response } }
        #expect(completed?.content == request.content)
    }
}
