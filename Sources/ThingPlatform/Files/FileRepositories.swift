import AlwaysOn
import Crypto
import FileTransfer
import Formats
import Glibc
import NIOCore
import NIOPosix
import ThingModel

/// The directories of the platform's repositories, made when they are first used.
struct FileRepositories {
    /// Below it each repository has a directory; nil: one for as long as the program runs.
    let root: String
    let isTemporary: Bool
    private let pool = NIOThreadPool(numberOfThreads: 4)
    private var stores: [String: EventLoopFuture<FileStore>] = [:]

    init(root: String?) {
        isTemporary = root == nil
        let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        self.root = root ?? "\(temporary)/thingplatform-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        pool.start()
    }

    mutating func store(
        of repository: String, on loop: any EventLoop, onEvent: @escaping @Sendable (FileStore.Event) -> Void
    )
        -> EventLoopFuture<FileStore>
    {
        if let there = stores[repository] { return there }
        let (directory, staging) = places(of: repository)
        var settings = FileStore.Settings()
        // Both ends of a copy may be here, and a user who uploads takes his time.
        (settings.mostTransfers, settings.idleTimeout, settings.blockSize) = (1024, .seconds(120), 1 << 20)
        let store = FileStore(
            layout: FileLayout(repository: directory, staging: staging), settings: settings, pool: pool, on: loop, onEvent: onEvent)
        let ready = pool.runIfActive(eventLoop: loop) { try FileStore.makeDirectory(directory) }.flatMap { store.prepare() }.map { store }
        stores[repository] = ready
        return ready
    }

    /// Its directory could not be made: the next who asks tries again.
    mutating func forget(_ repository: String) { stores[repository] = nil }

    private func places(of repository: String) -> (directory: String, staging: String) {
        let name = FileRepositories.directoryName(of: repository)
        return ("\(root)/\(name)", "\(root)/.staging/\(name)")
    }

    /// A name that every file system takes, and no other repository has.
    static func directoryName(of repository: String) -> String {
        var name = ""
        for (index, byte) in repository.utf8.enumerated() {
            let scalar = Unicode.Scalar(byte)
            let isPlain =
                scalar.isASCII
                && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "-" || scalar == "_"
                    || (scalar == "." && index > 0))
            name += isPlain ? String(scalar) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        guard name.utf8.count > 150 else { return name }
        let digest = Hex.encode(SHA256.hash(data: Array(repository.utf8)).prefix(12))
        return name.prefix(120) + "%" + digest
    }

    /// With all its files. The future does not fail.
    mutating func remove(_ repository: String, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let (directory, staging) = places(of: repository)
        let stopped = stores.removeValue(forKey: repository)?.flatMap { $0.stop() } ?? loop.makeSucceededVoidFuture()
        return stopped.flatMap { [pool] in
            pool.runIfActive(eventLoop: loop) { for place in [directory, staging] { FileStore.removeDirectory(place) } }
        }.recover { _ in }
    }

    func stop(on loop: any EventLoop) -> EventLoopFuture<Void> {
        EventLoopFuture.andAllComplete(stores.values.map { $0.flatMap { $0.stop() } }, on: loop).flatMap { [isTemporary, pool, root] in
            guard isTemporary else { return loop.makeSucceededVoidFuture() }
            return pool.runIfActive(eventLoop: loop) { FileStore.removeDirectory(root) }.recover { _ in }
        }
    }
}
