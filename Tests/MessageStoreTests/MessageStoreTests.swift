import Glibc
import MessageStore
import NIOCore
import NIOPosix
import TestKit
import Testing

@Suite struct MessageStoreTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    private func open(_ path: String, size: Int = 1 << 20, age: Int64? = nil, sync: MessageStore.Sync = .batch) async throws -> MessageStore
    {
        var limits = StoreLimits()
        limits.maximumSize = size
        limits.maximumAge = age
        let log = try SegmentLog(files: DiskFiles(path), ring: nil, limits: limits)
        return MessageStore(log, sync: sync, on: loop)
    }

    private func message(_ key: String, _ text: String) -> NewMessage {
        NewMessage(key: key, payload: ByteBuffer(string: text), time: SystemClock().now)
    }

    @Test(arguments: [MessageStore.Sync.batch, .message, .interval(.milliseconds(20))])
    func manyProducersShareTheDisk(sync: MessageStore.Sync) async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/not/there/yet"
        let store = try await open(path, sync: sync)
        try await loop.flatSubmit {
            EventLoopFuture.andAllSucceed((0..<200).map { store.append(self.message("T\($0 % 7)", "\($0)")).map { _ in } }, on: self.loop)
        }.get()
        #expect(try await loop.submit { store.count(of: "T3") }.get() == 29)
        let found = try await loop.flatSubmit { store.read(from: .init(), bytes: 1 << 20, messages: 1000, wanted: .init()) }.get()
        #expect(found.messages.map { String(buffer: $0.payload) } == (0..<200).map { "\($0)" })
        try await loop.flatSubmit { store.remove(Array(found.messages.prefix(150))) }.get()
        #expect(try await loop.submit { store.count(of: "T3") }.get() == 8)
        try await loop.flatSubmit { store.close() }.get()
        let again = try SegmentLog(files: DiskFiles(path, reading: true), ring: nil, limits: StoreLimits(), isReading: true)
        #expect(again.messages == 50)
    }

    @Test func whatIsBlockedIsPassedOver() async throws {
        let directory = try TemporaryDirectory()
        let store = try await open(directory.path)
        try await loop.flatSubmit {
            EventLoopFuture.andAllSucceed(
                (0..<20).map { store.append(self.message($0 % 2 == 0 ? "A" : "B", "\($0)")).map { _ in } }, on: self.loop)
        }.get()
        var wanted = MessageStore.Wanted()
        wanted.blocked = ["A"]
        let some = wanted
        let found = try await loop.flatSubmit { store.read(from: .init(), bytes: 1 << 20, messages: 4, wanted: some) }.get()
        #expect(found.messages.map { String(buffer: $0.payload) } == ["1", "3", "5", "7"])
        wanted.after = ["B": found.messages[3].place.sequence]
        let rest = wanted
        let more = try await loop.flatSubmit { store.read(from: .init(), bytes: 1 << 20, messages: 100, wanted: rest) }.get()
        #expect(more.messages.map { String(buffer: $0.payload) } == ["9", "11", "13", "15", "17", "19"] && more.isAtEnd)
        try await loop.flatSubmit { store.close() }.get()
    }

    @Test func oldMessagesGoByThemselves() async throws {
        let directory = try TemporaryDirectory()
        let store = try await open(directory.path, age: 50)
        let gone = loop.makePromise(of: [String: Int].self)
        try await loop.submit { store.onGone = { gone.succeed($0) } }.get()
        _ = try await loop.flatSubmit { store.append(self.message("T", "old")) }.get()
        #expect(try await gone.futureResult.get() == ["T": 1])
        #expect(try await loop.submit { store.isEmpty }.get())
        try await loop.flatSubmit { store.close() }.get()
    }

    // MARK: What a disk says no to

    @Test func twoProcessesDoNotShareADirectory() throws {
        let directory = try TemporaryDirectory()
        let first = try DiskFiles(directory.path)
        let failure = #expect(throws: StoreFailure.self) { try DiskFiles(directory.path) }
        #expect(failure?.kind == .inUse)
        #expect(failure?.description.contains("in use by another process (\(getpid()))") == true)
        withExtendedLifetime(first) {}
    }

    @Test func aFileInPlaceOfTheDirectoryIsNamed() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("store", "text")
        let failure = #expect(throws: StoreFailure.self) { try DiskFiles(path) }
        #expect(failure?.description == "\(path) is no directory")
    }

    @Test func aLinkInPlaceOfAFileIsNotFollowed() throws {
        let directory = try TemporaryDirectory()
        let target = try directory.write("target", "text")
        symlink(target, "\(directory.path)/0000000000000001.seg")
        let log = try SegmentLog(files: DiskFiles(directory.path), ring: nil, limits: StoreLimits())
        #expect(log.messages == 0)
        _ = try log.append([message("T", "x")])[0].get()
        #expect(try String(decoding: readBytes(target), as: UTF8.self) == "text")
    }

    @Test func aFileThatSomebodyRemovesIsNotedBeforeAnythingIsSaidToBeStored() throws {
        let directory = try TemporaryDirectory()
        let log = try SegmentLog(files: DiskFiles(directory.path), ring: nil, limits: StoreLimits())
        _ = try log.append([message("T", "1")])[0].get()
        unlink("\(directory.path)/0000000000000001.seg")
        guard case .failure(let failure) = log.append([message("T", "2")])[0] else {
            Issue.record("it is said to be stored")
            return
        }
        #expect(failure.description.contains("0000000000000001.seg"))
        _ = try log.append([message("T", "3")])[0].get()
        let again = try SegmentLog(files: DiskFiles(directory.path, reading: true), ring: nil, limits: StoreLimits(), isReading: true)
        #expect(again.read(from: .init(), bytes: 1000, isWanted: { _, _ in true }).messages.map { String(buffer: $0.payload) } == ["3"])
    }

    private func readBytes(_ path: String) throws -> [UInt8] {
        try DiskFiles(path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }, reading: true).open("target").read(
            at: 0, count: 100
        ).readableBytesView.map { $0 }
    }
}
