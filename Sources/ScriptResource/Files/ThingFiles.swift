import AlwaysOn
import AlwaysOnFiles
import EdgeREST
import FileTransfer
import Formats
import HTTPTransport
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// Files of Things that have directories of their own: no Lua code takes part in their transfers.
final class ThingFiles: Sendable {
    /// Of its own: its threads give way to others.
    private let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()
    private let stores = NIOLockedValueBox<[String: FileStore]>([:])

    /// From now on a Thing has these directories.
    ///
    /// - Returns: what is wrong with them; nil where nothing is.
    func serve(
        _ directories: [FileLayout.VirtualDirectory], staging: String, of thing: String, logger: Logger, on loop: any EventLoop
    )
        -> String?
    {
        for directory in directories where !FileStore.isDirectory(directory.path) {
            return "\(directory.name): \(directory.path) is no directory"
        }
        var settings = FileStore.Settings()
        // The gateway has several connections: of two blocks on their way the second may come first.
        settings.window = 1
        let store = FileStore(
            layout: FileLayout(directories, staging: staging), settings: settings, pool: pool, on: loop,
            onEvent: { ThingFiles.log($0, logger) })
        do { try FileStore.makeDirectory(store.layout.staging.root) } catch { return "\(error)" }
        let old = stores.withLockedValue { stores in
            defer { stores[thing] = store }
            return stores[thing]
        }
        loop.execute {
            _ = (old?.stop() ?? loop.makeSucceededVoidFuture()).flatMap { store.prepare() }
        }
        return nil
    }

    /// Ends all transfers.
    func stop(on loop: any EventLoop) async {
        let all = stores.withLockedValue { Array($0.values) }
        try? await loop.flatSubmit { EventLoopFuture.andAllComplete(all.map { $0.stop() }, on: loop) }.get()
    }

    private static func log(_ event: FileStore.Event, _ logger: Logger) {
        switch event {
        case .started(let start): logger.info("file transfer \(start.transfer) begins: \(start.direction.rawValue)s \(start.path)")
        case .completed(let start, let bytes): logger.info("file transfer \(start.transfer) is complete: \(bytes) bytes")
        case .ended(let start, let reason):
            logger.warning("file transfer \(start.transfer) of \(start.path) ends before it is complete: \(reason)")
        case .refused(let text): logger.warning("a file was refused: \(text)")
        case .leftoverRemoved(let target): logger.info("\(target): what an unfinished transfer had left was removed")
        }
    }

    /// nil where the Thing has no directories, or the request is for something else.
    func answer(_ http: HTTPRequest, _ thing: String, _ service: String, on loop: any EventLoop) -> EventLoopFuture<HTTPResponse>? {
        guard http.method == .POST, let service = FileService(rawValue: service), let store = stores.withLockedValue({ $0[thing] }) else {
            return nil
        }
        let content: EncodedInfotable?
        do throws(JSONError) { content = http.body.readableBytes == 0 ? nil : try EncodedInfotable(json: http.body) } catch {
            let text = "\(service.rawValue): the body is not the JSON object that was expected, \(error)"
            return loop.makeSucceededFuture(
                HTTPResponse(.badRequest, headers: ["Content-Type": "text/plain; charset=utf-8"], body: ByteBuffer(string: text)))
        }
        let answer = store.perform { () throws(TransferFailure) in try service.operation(content?.decoded() ?? Infotable(DataShape([]))) }
        return answer.map { HTTPResponse(service.response($0), order: .shapeFirst) }.recover { error in
            let failure = error as? TransferFailure ?? TransferFailure(.failed, "\(error)")
            let status = HTTPResponseStatus(statusCode: FileService.status(failure.kind).httpStatus)
            return HTTPResponse(
                status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: ByteBuffer(string: failure.description))
        }
    }
}
