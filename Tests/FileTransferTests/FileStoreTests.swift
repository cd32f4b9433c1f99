@testable import FileTransfer
import Foundation
import NIOCore
import NIOPosix
import TestKit
import Testing

/// Files on a disk: what is there after each thing that may happen to a transfer.
@Suite struct FileStoreTests {
    final class Disk: Sendable {
        let directory: TemporaryDirectory
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        /// Not the one that all tests share: its threads give way to others.
        private static let pool = {
            let pool = NIOThreadPool(numberOfThreads: 2)
            pool.start()
            return pool
        }()

        init() throws {
            directory = try TemporaryDirectory()
            for name in ["in", "out"] {
                try FileManager.default.createDirectory(atPath: directory.path(name), withIntermediateDirectories: true)
            }
        }

        func store(
            _ change: (inout FileStore.Settings) -> Void = { _ in }, onEvent: @escaping @Sendable (FileStore.Event) -> Void = { _ in }
        ) async throws -> FileStore {
            var settings = FileStore.Settings()
            // Others may keep a test waiting.
            settings.idleTimeout = .minutes(10)
            change(&settings)
            let layout = FileLayout(
                [.init(name: "in", path: directory.path("in")), .init(name: "out", path: directory.path("out"))],
                staging: directory.path("staging"))
            let store = FileStore(layout: layout, settings: settings, pool: Disk.pool, on: loop, onEvent: onEvent)
            try await loop.flatSubmit { store.prepare() }.get()
            return store
        }

        var staged: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: directory.path("staging")).sorted() } }

        func read(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: directory.path(name)).map { [UInt8]($0) } }
    }

    static func path(_ text: String) throws -> FilePath { try FilePath(text) }

    static let target = FilePath(components: ["in", "a.bin"])
    static let part = FileLayout.stagingPath(thing: "T", target: target)

    private func ask(_ store: FileStore, _ operation: FileOperation, _ disk: Disk) async throws -> FileAnswer {
        try await disk.loop.flatSubmit { store.perform(operation) }.get()
    }

    private func failure(_ store: FileStore, _ operation: FileOperation, _ disk: Disk) async -> TransferFailure.Kind? {
        do {
            _ = try await ask(store, operation, disk)
            return nil
        } catch { return (error as? TransferFailure)?.kind }
    }

    private func start(_ id: String = "t1", resumable: Bool = true, size: Int? = nil) -> FileOperation {
        .start(TransferStart(transfer: id, path: FileStoreTests.target, direction: .write, size: size, isResumable: resumable))
    }

    private func write(_ bytes: [UInt8], at offset: Int, _ id: String = "t1") -> FileOperation {
        .write(FileStoreTests.part, offset: offset, ByteBuffer(bytes: bytes), transfer: id)
    }

    @Test func aFileIsThereWholeOrNotAtAll() async throws {
        let disk = try Disk()
        let store = try await disk.store()
        _ = try await ask(store, start(), disk)
        _ = try await ask(store, .create(FileStoreTests.part, ByteBuffer(bytes: [1, 2, 3]), overwrite: true), disk)
        _ = try await ask(store, write([4, 5], at: 3), disk)
        #expect(disk.read("in/a.bin") == nil)
        #expect(try await ask(store, .info(FileStoreTests.part), disk) == .info(FileInfo(path: FileStoreTests.part, size: 5)))
        guard case .checksums(let sums) = try await ask(store, .checksums(FileStoreTests.part), disk) else { return #expect(Bool(false)) }
        #expect(sums.md5 == "7cfdd07889b3295d6a550914ab35e068")
        _ = try await ask(store, .move(FileStoreTests.part, to: FileStoreTests.target, overwrite: true), disk)
        _ = try await ask(store, .complete(transfer: "t1", target: nil), disk)
        #expect(disk.read("in/a.bin") == [1, 2, 3, 4, 5])
        #expect(try disk.staged.isEmpty)
    }

    @Test func blocksOutOfOrderAreRefusedAndLeaveTheOthers() async throws {
        let disk = try Disk()
        let store = try await disk.store()
        _ = try await ask(store, start(), disk)
        _ = try await ask(store, write([1, 2], at: 0), disk)
        #expect(await failure(store, write([9], at: 1), disk) == .outOfOrder)
        #expect(await failure(store, write([9], at: 3), disk) == .outOfOrder)
        _ = try await ask(store, write([3], at: 2), disk)
        #expect(try await ask(store, .info(FileStoreTests.part), disk) == .info(FileInfo(path: FileStoreTests.part, size: 3)))
    }

    @Test func twoDoNotWriteToOneTarget() async throws {
        let disk = try Disk()
        let store = try await disk.store()
        _ = try await ask(store, start("t1"), disk)
        #expect(await failure(store, start("t2"), disk) == .busy)
        _ = try await ask(store, .cancel(transfer: "t1", target: nil), disk)
        #expect(try disk.staged.isEmpty)
        _ = try await ask(store, start("t2"), disk)
        #expect(await failure(store, write([1], at: 0, "t1"), disk) == .noTransfer)
    }

    @Test func whatIsSyncedOutlastsTheProgram() async throws {
        let disk = try Disk()
        let first = try await disk.store()
        _ = try await ask(first, start(), disk)
        _ = try await ask(first, write([1, 2, 3], at: 0), disk)
        try await disk.loop.flatSubmit { first.stop() }.get()
        #expect(try disk.staged.count == 2)
        let second = try await disk.store()
        _ = try await ask(second, start(), disk)
        #expect(try await ask(second, .info(FileStoreTests.part), disk) == .info(FileInfo(path: FileStoreTests.part, size: 3)))
        _ = try await ask(second, write([4], at: 3), disk)
        guard case .checksums(let sums) = try await ask(second, .checksums(FileStoreTests.part), disk) else { return #expect(Bool(false)) }
        #expect(sums.md5 == "08d6c05a21512a79a1dfeb9d2a8f262f", "of bytes that were there before too")
        _ = try await ask(second, .move(FileStoreTests.part, to: FileStoreTests.target, overwrite: false), disk)
        #expect(disk.read("in/a.bin") == [1, 2, 3, 4])
    }

    @Test func bytesThatWereNotSyncedAreNotTrusted() async throws {
        let disk = try Disk()
        let first = try await disk.store()
        _ = try await ask(first, start(), disk)
        _ = try await ask(first, write([1, 2, 3], at: 0), disk)
        try await disk.loop.flatSubmit { first.stop() }.get()
        // A power cut may leave a file longer than what of it was written.
        let name = try #require(try disk.staged.first { $0.hasSuffix(".part") })
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: disk.directory.path("staging/" + name)))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data([0, 0, 0, 0]))
        let second = try await disk.store()
        _ = try await ask(second, start(), disk)
        #expect(try await ask(second, .info(FileStoreTests.part), disk) == .info(FileInfo(path: FileStoreTests.part, size: 3)))
    }

    @Test func anotherTransferDoesNotGoOnWithIt() async throws {
        let disk = try Disk()
        let first = try await disk.store()
        _ = try await ask(first, start(), disk)
        _ = try await ask(first, write([1, 2, 3], at: 0), disk)
        try await disk.loop.flatSubmit { first.stop() }.get()
        let second = try await disk.store()
        _ = try await ask(second, start("t2"), disk)
        #expect(try await ask(second, .info(FileStoreTests.part), disk) == .info(FileInfo(path: FileStoreTests.part, size: 0)))
    }

    @Test func leftoversGoAtTheStartAndOthersFilesStay() async throws {
        let disk = try Disk()
        let first = try await disk.store { $0.keepsParts = .zero }
        _ = try await ask(first, start(), disk)
        _ = try await ask(first, write([1, 2, 3], at: 0), disk)
        try await disk.loop.flatSubmit { first.stop() }.get()
        try Data([1]).write(to: URL(fileURLWithPath: disk.directory.path("staging/mine.part")))
        try Data([1]).write(to: URL(fileURLWithPath: disk.directory.path("staging/mine.part.state")))
        try Data([1]).write(to: URL(fileURLWithPath: disk.directory.path("in/.a.bin.copying")))
        _ = try await disk.store()
        #expect(try disk.staged == ["mine.part", "mine.part.state"], "what is not ours is not removed")
        #expect(disk.read("in/.a.bin.copying") == nil, "half a copy")
    }

    @Test func silenceEndsATransfer() async throws {
        let disk = try Disk()
        let (ends, end) = AsyncStream.makeStream(of: String.self)
        let store = try await disk.store {
            $0.idleTimeout = .milliseconds(50)
        } onEvent: { event in
            if case .ended(_, let reason) = event { end.yield(reason) }
        }
        _ = try await ask(store, start(resumable: false), disk)
        let reason = await ends.first { _ in true }
        #expect(reason?.contains("50 ms") == true)
        #expect(await failure(store, write([1], at: 0), disk) == .noTransfer)
        // The same target may be used at once.
        _ = try await ask(store, start("t2"), disk)
    }

    @Test func linksPutThereMeanwhileAreNotFollowed() async throws {
        let disk = try Disk()
        let store = try await disk.store()
        try FileManager.default.createDirectory(atPath: disk.directory.path("secret"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: disk.directory.path("in/deep"), withIntermediateDirectories: true)
        let target = try FileStoreTests.path("/in/deep/a.bin")
        let part = FileLayout.stagingPath(thing: "T", target: target)
        _ = try await ask(store, .start(TransferStart(transfer: "t", path: target, direction: .write)), disk)
        _ = try await ask(store, .write(part, offset: 0, ByteBuffer(bytes: [1]), transfer: "t"), disk)
        try FileManager.default.removeItem(atPath: disk.directory.path("in/deep"))
        try FileManager.default.createSymbolicLink(
            atPath: disk.directory.path("in/deep"), withDestinationPath: disk.directory.path("secret"))
        #expect(await failure(store, .move(part, to: target, overwrite: true), disk) == .forbidden)
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.directory.path("secret")).isEmpty)
        // And in the place of the target itself: the link goes nowhere, and stays.
        try FileManager.default.createSymbolicLink(
            atPath: disk.directory.path("in/link"), withDestinationPath: disk.directory.path("secret/x"))
        #expect(
            await failure(store, .start(TransferStart(transfer: "u", path: try FileStoreTests.path("/in/link"), direction: .write)), disk)
                == .forbidden)
        #expect(await failure(store, .create(try FileStoreTests.path("/in/link"), ByteBuffer(), overwrite: true), disk) == .forbidden)
        #expect(
            await failure(store, .write(try FileStoreTests.path("/in/link"), offset: 0, ByteBuffer(bytes: [1]), transfer: nil), disk)
                == .forbidden)
        #expect(disk.read("secret/x") == nil)
    }

    @Test func whatIsNoFileIsNotOpened() async throws {
        let disk = try Disk()
        let store = try await disk.store()
        #expect(mkfifo(disk.directory.path("in/pipe"), 0o600) == 0)
        for name in ["/in/pipe", "/in"] {
            let path = try FileStoreTests.path(name)
            #expect(await failure(store, .start(TransferStart(transfer: "r", path: path, direction: .read)), disk) != nil)
            #expect(await failure(store, .read(path, offset: 0, count: 1, transfer: nil), disk) != nil)
            #expect(await failure(store, .checksums(path), disk) != nil)
            #expect(await failure(store, .write(path, offset: 0, ByteBuffer(bytes: [1]), transfer: nil), disk) != nil)
        }
    }

    @Test func roomIsLookedForBeforeItBegins() async throws {
        let disk = try Disk()
        let store = try await disk.store { $0.maximumFileSize = 1 << 60 }
        #expect(await failure(store, start(size: 1 << 59), disk) == .noSpace)
        #expect(try disk.staged.isEmpty)
        let small = try await disk.store { $0.maximumFileSize = 10 }
        #expect(await failure(small, start(size: 11), disk) == .tooLarge)
        _ = try await ask(small, start(), disk)
        #expect(await failure(small, write(Array(repeating: 0, count: 11), at: 0), disk) == .tooLarge)
    }

    @Test func aProgramStaysOne() async throws {
        let disk = try Disk()
        let store = try await disk.store()
        try Data([1]).write(to: URL(fileURLWithPath: disk.directory.path("in/a.bin")))
        chmod(disk.directory.path("in/a.bin"), 0o755)
        _ = try await ask(store, start(), disk)
        _ = try await ask(store, write([2], at: 0), disk)
        _ = try await ask(store, .move(FileStoreTests.part, to: FileStoreTests.target, overwrite: true), disk)
        let mode = try FileManager.default.attributesOfItem(atPath: disk.directory.path("in/a.bin"))[.posixPermissions] as? Int
        #expect(mode == 0o755 && disk.read("in/a.bin") == [2])
    }

    @Test func theRateIsKept() async throws {
        let disk = try Disk()
        let store = try await disk.store { $0.maximumRate = 1_000_000 }
        _ = try await ask(store, start(), disk)
        let began = NIODeadline.now()
        for block in 0..<4 { _ = try await ask(store, write(Array(repeating: 1, count: 100_000), at: block * 100_000), disk) }
        // The burst of 100 ms is free, what is behind it is not.
        #expect(NIODeadline.now() - began >= .milliseconds(190))
    }

    @Test func olderPlatformsNamePartsOtherwise() async throws {
        let disk = try Disk()
        let store = try await disk.store()
        let path = try FileStoreTests.path("/in/a.bin.part")
        _ = try await ask(store, .start(TransferStart(transfer: "t", path: path, direction: .write)), disk)
        let part = try FileStoreTests.path("/__staging__/T/in/a.bin.part")
        _ = try await ask(store, .create(part, ByteBuffer(bytes: [1]), overwrite: true), disk)
        _ = try await ask(store, .write(part, offset: 1, ByteBuffer(bytes: [2]), transfer: "t"), disk)
        _ = try await ask(store, .move(part, to: FileStoreTests.target, overwrite: true), disk)
        #expect(disk.read("in/a.bin") == [1, 2])
    }

    @Test func directoriesAreListedMadeAndRemoved() async throws {
        let disk = try Disk()
        let store = try await disk.store()
        func names(_ operation: FileOperation) async throws -> [String] {
            guard case .files(let files) = try await ask(store, operation, disk) else { return [] }
            return files.map { "\($0.path)\($0.isDirectory ? "/" : "")" }
        }
        _ = try await ask(store, .makeDirectory(try FileStoreTests.path("/in/x/y")), disk)
        _ = try await ask(store, .create(try FileStoreTests.path("/in/x/b.txt"), ByteBuffer(string: "b"), overwrite: false), disk)
        _ = try await ask(store, .create(try FileStoreTests.path("/in/x/ä.txt"), ByteBuffer(string: "ä"), overwrite: false), disk)
        #expect(try await names(.list(.root, mask: "", files: true, directories: true)) == ["/in/", "/out/"])
        #expect(try await names(.list(.root, mask: "", files: true, directories: false)).isEmpty)
        #expect(
            try await names(.list(try FileStoreTests.path("/in/x"), mask: "", files: true, directories: true)) == [
                "/in/x/b.txt", "/in/x/y/", "/in/x/ä.txt",
            ])
        #expect(
            try await names(.list(try FileStoreTests.path("/in/x"), mask: "?.txt", files: true, directories: true)) == [
                "/in/x/b.txt", "/in/x/ä.txt",
            ])
        #expect(try await names(.structure(.root)) == ["/in/", "/in/x/", "/in/x/y/", "/out/"])
        #expect(await failure(store, .makeDirectory(try FileStoreTests.path("/in/x")), disk) == .exists)
        #expect(
            await failure(
                store, .move(try FileStoreTests.path("/in/x/b.txt"), to: try FileStoreTests.path("/in/x/ä.txt"), overwrite: false), disk)
                == .exists)
        _ = try await ask(
            store, .move(try FileStoreTests.path("/in/x/b.txt"), to: try FileStoreTests.path("/out/c.txt"), overwrite: false), disk)
        #expect(disk.read("out/c.txt") == Array("b".utf8))
        #expect(await failure(store, .remove(try FileStoreTests.path("/in/x"), isStrict: true), disk) != nil)
        _ = try await ask(store, .remove(try FileStoreTests.path("/in/none"), isStrict: false), disk)
        #expect(await failure(store, .remove(try FileStoreTests.path("/in/none"), isStrict: true), disk) == .notFound)
        _ = try await ask(store, .removeDirectory(try FileStoreTests.path("/in/x")), disk)
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.directory.path("in")).isEmpty)
        #expect(await failure(store, .removeDirectory(try FileStoreTests.path("/in")), disk) != nil, "a virtual directory itself stays")
    }
}
