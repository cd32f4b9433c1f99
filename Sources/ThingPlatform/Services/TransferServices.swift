import AlwaysOn
import FileTransfer
import Formats
import NIOCore
import ThingModel

/// The subsystem that copies files (platform.md §12, alwayson.md §8).
extension ServiceTables {
    private static let jobs = "INFOTABLE:FileTransferJob"

    static let transferSubsystem: [Service] = [
        Service(
            "Copy", nil, "Copies a file from one repository to another; a Thing with files is one too",
            "sourceRepo!, sourcePath, sourceFile, targetRepo!, targetPath, targetFile, async BOOLEAN=false, timeout INTEGER, "
                + "queueable BOOLEAN=false, metadata JSON", jobs
        ) { try $0.copy($1) },
        Service("GetActiveTransferJobs", nil, "Transfers that are under way", "", jobs) { platform, call in
            .table(platform.table(of: platform.transfers.running.sorted { ($0.queueTime, $0.id) < ($1.queueTime, $1.id) }, call))
        },
        Service("GetActiveTransferJob", nil, "A transfer that is under way", "tid!", jobs) { platform, call in
            .table(try platform.job(call, "tid") { $0.state == .active })
        },
        Service("GetTransferJobInfo", nil, "A transfer, whatever became of it", "transferId!", jobs) { platform, call in
            .table(try platform.job(call, "transferId") { _ in true })
        },
        Service("GetQueuedTransferJobs", nil, "Transfers that wait", "", jobs) { .table($0.table(of: $0.transfers.queued, $1)) },
        Service("GetQueuedTransferJob", nil, "A transfer that waits", "tid!", jobs) { platform, call in
            .table(try platform.job(call, "tid") { $0.state == .queued })
        },
        Service("GetQueuedTransferJobsByThing", nil, "Transfers that wait for a Thing", "thingName!", jobs) { platform, call in
            .table(platform.table(of: try platform.queued(call), call))
        },
        Service("GetQueuedTransferJobCount", nil, "How many transfers wait", "", "INTEGER") { platform, call in
            .value(.integer(Int32(clamping: platform.transfers.queued.count { platform.maySee($0, call) })))
        },
        Service("GetQueuedTransferJobCountByThing", nil, "How many transfers wait for a Thing", "thingName!", "INTEGER") { platform, call in
            .value(.integer(Int32(clamping: try platform.queued(call).count { platform.maySee($0, call) })))
        },
        Service("GetFileTransferHistory", nil, "Transfers that have ended, newest first", "thingName, maxItems NUMBER=500", jobs) {
            platform, call in
            let thing = try call.string("thingName")
            let found = platform.transfers.history.filter { thing.map($0.repositories.contains) ?? true }
            return .table(platform.table(of: Array(found.prefix(try call.count("maxItems", default: 500))), call))
        },
        Service("IsTransferJobActive", nil, "Whether a transfer is under way", "tid!", "BOOLEAN") { platform, call in
            let job = platform.transfers[try call.required("tid")]
            return .value(.boolean(job.map { $0.state == .active && platform.maySee($0, call) } ?? false))
        },
        Service("IsTransferJobQueued", nil, "Whether a transfer waits", "tid!", "BOOLEAN") { platform, call in
            let job = platform.transfers[try call.required("tid")]
            return .value(.boolean(job.map { $0.state == .queued && platform.maySee($0, call) } ?? false))
        },
        Service("CancelTransfer", nil, "Ends a transfer", "transferId!, reason") { try $0.cancelTransfer($1, "transferId") },
        Service("CancelTransferJob", nil, "Ends a transfer", "tid!, reason") { try $0.cancelTransfer($1, "tid") },
        Service("RemoveQueuedTransferJob", nil, "Ends a transfer that waits", "tid!") { platform, call in
            guard platform.transfers[try call.required("tid")]?.state == .queued else {
                throw ServiceFailure(.notFound, "no such transfer waits")
            }
            return try platform.cancelTransfer(call, "tid")
        },
    ]

    /// What an edge asks for that says itself when it takes files.
    static let edgeControlled: [Service] = [
        Service("DequeueEgress", .invoke, "Begins transfers that wait until the Thing asks for them", "maxCount INTEGER=1", "INTEGER") {
            platform, call in
            let count = platform.transfers.release(call.entity.name, most: try call.count("maxCount", default: 1))
            platform.pumpTransfers()
            return .value(.integer(Int32(clamping: count)))
        }
    ]
}

extension Platform {
    /// From here on a number is in milliseconds, below it in seconds: SDK clients send the one, scripts the other (alwayson.md §8).
    private static let leastMilliseconds = 1000

    func copy(_ call: ServiceCall) throws -> ServiceResult {
        let (isAsync, isQueueable) = (try call.bool("async") ?? false, try call.bool("queueable") ?? false)
        guard isAsync || !isQueueable else {
            throw ServiceFailure(.badRequest, "Copy: a queueable transfer has to be async: nobody waits a day")
        }
        let sourceFile = try call.string("sourceFile") ?? ""
        let source = try place(call, "sourceRepo", "sourcePath", sourceFile)
        let targetFile = try call.text("targetFile") ?? source.path.name ?? ""
        var job = TransferJob(
            id: Platform.makeTransferID(), source: source, target: try place(call, "targetRepo", "targetPath", targetFile),
            user: call.principal.user,
            queueTime: Int(Platform.now()))
        (job.isAsync, job.isQueueable) = (isAsync, isQueueable)
        job.metadata = try call.json("metadata")?.description ?? "{}"
        guard job.metadata.utf8.count <= 65_536 else { throw ServiceFailure(.entityTooLarge, "Copy: metadata of more than 65536 bytes") }
        if let timeout = try call.number("timeout"), timeout > 0 {
            job.timeout = Int(min(timeout < Double(Platform.leastMilliseconds) ? timeout * 1000 : timeout, 1e12))
        }
        try add(job, for: call.principal)
        guard !isAsync else { return .table(table(of: [transfers[job.id] ?? job], call)) }
        return .later(
            whenEnded(job.id).map { job in
                guard job.state == .validated else {
                    return Response(Status(httpStatus: job.code), reason: "transfer \(job.id): \(job.state.rawValue): \(job.message)")
                }
                return .success(Platform.table(of: [job], now: Platform.now()))
            }.recover { Response($0) })
    }

    private func place(_ call: ServiceCall, _ repository: String, _ directory: String, _ file: String) throws -> TransferJob.Place {
        let name = try call.required(repository)
        do throws(TransferFailure) {
            // The name goes behind the directory, also where it is a path of its own.
            return TransferJob.Place(
                repository: model[thing: name]?.name ?? model.thing(bound: name)?.name ?? name,
                path: try FilePath((try? call.string(directory) ?? "/") ?? "/").appending(file))
        } catch {
            throw ServiceFailure(error)
        }
    }

    static func makeTransferID() -> String {
        let digits = Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255) })
        return [(0, 8), (8, 4), (12, 4), (16, 4), (20, 12)].map { digits.dropFirst($0.0).prefix($0.1) }.joined(separator: "-")
    }

    func maySee(_ job: TransferJob, _ call: ServiceCall) -> Bool { call.maySeeWhat(isOf: job.user) }

    func table(of jobs: [TransferJob], _ call: ServiceCall) -> Infotable {
        Platform.table(of: jobs.filter { maySee($0, call) }.map(current), now: Platform.now())
    }

    func job(_ call: ServiceCall, _ parameter: String, _ isWanted: (TransferJob) -> Bool) throws -> Infotable {
        let id = try call.required(parameter)
        guard let job = transfers[id], maySee(job, call), isWanted(job) else {
            throw ServiceFailure(.notFound, "\(call.service): there is no such transfer: \(id)")
        }
        return table(of: [job], call)
    }

    func queued(_ call: ServiceCall) throws -> [TransferJob] {
        let thing = try call.required("thingName")
        return transfers.queued.filter { $0.repositories.contains(thing) }
    }

    func cancelTransfer(_ call: ServiceCall, _ parameter: String) throws -> ServiceResult {
        let id = try call.required(parameter)
        guard let job = transfers[id], maySee(job, call), !job.state.isEnd else {
            throw ServiceFailure(.notFound, "\(call.service): no such transfer is under way: \(id)")
        }
        let reason = try call.text("reason") ?? "cancelled by \(call.principal.user)"
        endTransfer(id, .cancelled, code: 410, reason)
        pumpTransfers()
        return .nothing
    }
}
