import Formats

/// A transfer as the platform keeps it, from when it is asked for until long after its end (alwayson.md §8).
package struct TransferJob: Sendable, Equatable {
    package enum State: String, Sendable {
        case queued = "QUEUED"
        case active = "ACTIVE"
        case validated = "VALIDATED"
        case cancelled = "CANCELLED"
        case timedOut = "TIMEDOUT"
        case error = "ERROR"

        package var isEnd: Bool { self != .queued && self != .active }
    }

    package struct Place: Sendable, Equatable {
        package var repository: String
        package var path: FilePath

        package init(repository: String, path: FilePath) {
            self.repository = repository
            self.path = path
        }
    }

    package let id: String
    package let source: Place
    package let target: Place
    package let user: String
    package var isAsync = false
    package var isQueueable = false
    /// Waits until an edge asks for it.
    package var isEdgeControlled = false
    /// Milliseconds from its start; nil: no bound.
    package var timeout: Int?
    /// JSON.
    package var metadata = "{}"

    package var state = State.queued
    package var progress = CopyProgress()
    /// As HTTP has it; 0 while it goes on.
    package var code = 0
    package var message = ""
    /// Milliseconds since 1970 UTC, as the other times.
    package var queueTime: Int
    package var startTime: Int?
    package var endTime: Int?
    /// When a job that waits is given up.
    package var expires: Int?
    /// When it is tried again.
    package var nextAttempt = 0
    package var attempts = 0
    package var enqueueCount = 0

    package init(id: String, source: Place, target: Place, user: String, queueTime: Int) {
        self.id = id
        self.source = source
        self.target = target
        self.user = user
        self.queueTime = queueTime
    }

    package var repositories: Set<String> { [source.repository, target.repository] }
    package var blockCount: Int {
        progress.blockSize > 0 ? (max(progress.transferred, 0) + progress.blockSize - 1) / progress.blockSize : 0
    }
    /// Milliseconds from start to end, or to now.
    package func duration(now: Int) -> Int { startTime.map { max((endTime ?? now) - $0, 0) } ?? 0 }
}

// MARK: Document

extension TransferJob {
    package var document: String {
        var object: JSONObject = [
            "source": place(source), "target": place(target), "user": .string(user), "state": .string(state.rawValue),
            "isAsync": .bool(isAsync), "isQueueable": .bool(isQueueable), "isEdgeControlled": .bool(isEdgeControlled),
            "metadata": .string(metadata), "queueTime": .int(queueTime), "code": .int(code), "message": .string(message),
            "blockSize": .int(progress.blockSize), "maxSize": .int(progress.maximumFileSize), "startPosition": .int(progress.startPosition),
            "transferred": .int(progress.transferred), "enqueueCount": .int(enqueueCount),
        ]
        for (name, value) in [("timeout", timeout), ("startTime", startTime), ("endTime", endTime), ("expires", expires)] {
            if let value { object[name] = .int(value) }
        }
        if let source = progress.source { (object["size"], object["modified"]) = (.int(source.size), .int(source.modified)) }
        for (name, sums) in [("sourceChecksums", progress.sourceChecksums), ("targetChecksums", progress.targetChecksums)] {
            if let sums { object[name] = .array([sums.md5, sums.sha256].map { $0.map { .string($0) } ?? .null }) }
        }
        return JSONValue.object(object).description
    }

    private func place(_ place: Place) -> JSONValue { ["repository": .string(place.repository), "path": .string("\(place.path)")] }

    /// nil where it is none. A job that was under way is one that waits: the program that copied is gone.
    package init?(id: String, document: String) {
        guard let json = try? JSONValue(parsing: document), let source = TransferJob.place(json["source"]),
            let target = TransferJob.place(json["target"]),
            let user = json["user"]?.string, let state = json["state"]?.string.flatMap({ State(rawValue: $0) }),
            let queued = json["queueTime"]?.int
        else { return nil }
        self.init(id: id, source: source, target: target, user: user, queueTime: queued)
        self.state = state == .active ? .queued : state
        isAsync = json["isAsync"]?.bool ?? false
        isQueueable = json["isQueueable"]?.bool ?? false
        isEdgeControlled = json["isEdgeControlled"]?.bool ?? false
        (timeout, startTime, endTime) = (json["timeout"]?.int, json["startTime"]?.int, json["endTime"]?.int)
        (expires, code, message) = (json["expires"]?.int, json["code"]?.int ?? 0, json["message"]?.string ?? "")
        (metadata, enqueueCount) = (json["metadata"]?.string ?? "{}", json["enqueueCount"]?.int ?? 0)
        progress.blockSize = json["blockSize"]?.int ?? 0
        progress.maximumFileSize = json["maxSize"]?.int ?? 0
        progress.startPosition = json["startPosition"]?.int ?? 0
        progress.transferred = json["transferred"]?.int ?? 0
        if let size = json["size"]?.int, let modified = json["modified"]?.int {
            progress.source = SourceIdentity(size: size, modified: modified)
        }
        progress.sourceChecksums = TransferJob.checksums(json["sourceChecksums"])
        progress.targetChecksums = TransferJob.checksums(json["targetChecksums"])
    }

    private static func place(_ json: JSONValue?) -> Place? {
        guard let repository = json?["repository"]?.string, let path = json?["path"]?.string.flatMap({ try? FilePath($0) }) else {
            return nil
        }
        return Place(repository: repository, path: path)
    }

    private static func checksums(_ json: JSONValue?) -> FileChecksums? {
        json?.array.map { _ in FileChecksums(md5: json?[0]?.string, sha256: json?[1]?.string) }
    }
}
