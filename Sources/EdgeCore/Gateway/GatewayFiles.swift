import AlwaysOn
import AlwaysOnFiles
import FileTransfer
import LogSupport
import Logging
import NIOCore
import NIOPosix

/// Files of bound Things, which the gateway answers for itself (ems.md §7.1).
extension Gateway {
    /// Makes the staging directory and removes what an earlier run has left there. Without virtual directories there are no files.
    package func openFiles() async {
        guard !configuration.file.directories.isEmpty else { return }
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        let logger = logger
        let store = FileStore(layout: configuration.file.layout, settings: configuration.fileSettings, pool: pool, on: loop) {
            Gateway.log($0, logger)
        }
        do {
            try await loop.flatSubmit { store.prepare() }.get()
            files = store
        } catch {
            logger.error("file.staging_dir: the directory for incoming files cannot be made, so there are no file transfers: \(error)")
        }
    }

    func closeFiles() async {
        guard let files else { return }
        self.files = nil
        try? await files.stop().get()
    }

    /// nil where a request is for somebody else.
    func handleFiles(_ request: Request) -> EventLoopFuture<Response>? {
        guard request.entityType == .thing, let service = FileService(request), let thing = registry.thing(request.entityName),
            !thing.servesFiles
        else { return nil }
        guard let files else {
            guard thing.isGateway else { return nil }
            return loop.makeSucceededFuture(Response(.notFound, reason: "\(request.name): this gateway has no file.virtual_dirs"))
        }
        let answer = files.perform { () throws(TransferFailure) in
            try service.operation(request.content?.decoded() ?? Infotable(DataShape([])))
        }
        return answer.map { service.response($0) }.recover { [logger] error in
            let failure = error as? TransferFailure ?? TransferFailure(.failed, "\(error)")
            logger.debug("\(request.entityName): \(request.name): \(failure)")
            return FileService.response(failure)
        }
    }

    private static func log(_ event: FileStore.Event, _ logger: Logger) {
        func name(_ start: TransferStart) -> String {
            "file transfer \(start.transfer) (\(start.direction == .read ? "reads" : "writes") \(start.path))"
        }
        switch event {
        case .started(let start): logger.log(level: .audit, "\(name(start)) begins")
        case .completed(let start, let bytes): logger.log(level: .audit, "\(name(start)) is complete: \(bytes) bytes")
        case .ended(let start, let reason): logger.log(level: .audit, "\(name(start)) ends before it is complete: \(reason)")
        case .refused(let text): logger.log(level: .audit, "a file was refused: \(text)")
        case .leftoverRemoved(let target): logger.info("\(target): what an unfinished transfer had left was removed")
        }
    }
}

extension GatewayConfiguration {
    var fileSettings: FileStore.Settings {
        var settings = FileStore.Settings()
        // A message holds a block and what surrounds it and its chunks (alwayson.md §8).
        let room = Double(connection.maximumMessageSize - 2048) / (1 + 50 / Double(connection.chunkSize))
        settings.blockSize = max(min(file.bufferSize, Int(room)), 512)
        settings.maximumFileSize = file.maximumFileSize
        settings.idleTimeout = file.idleTimeout
        settings.maximumRate = file.maximumRate > 0 ? file.maximumRate : nil
        return settings
    }
}

extension GatewayConfiguration.FileTransfer {
    var layout: FileLayout { FileLayout(directories.map { .init(name: $0.name, path: $0.path) }, staging: staging) }
}
