import ArgumentParser
import EdgeREST
import Formats
import Glibc
import ProgramSupport

private let subsystem = "FileTransferSubsystem"

struct CopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "Copy a file between a repository, a Thing and this machine.",
        discussion: """
            A place is platform:/repository/path, Thing:/directory/file, or a path here; one that ends with a slash takes the file's own name. \
            The platform copies between Things and repositories: Ctrl-C stops the watching, and the same command goes on with it. A copy from or to \
            this machine goes on where it was when the same command is given again.
            """)
    @OptionGroup var connection: Connection
    @Flag(help: "Begin also where the Thing is not connected: the copy waits for it.") var queue = false
    @Argument var source: String
    @Argument var target: String

    func run() async throws {
        let from = try FilePlace(source)
        let to = try FilePlace(target).holding(from.name)
        guard !from.name.isEmpty else { throw ValidationError("\(source): expected a file") }
        let client = try connection.client()
        switch (from.remote, to.remote) {
        case (let from?, let to?): try await RemoteCopy(client: client, from: from, to: to, queues: queue).run()
        case (nil, let to?):
            guard case .local(let path) = from, case .repository = try FilePlace(target) else {
                throw ValidationError("copy a file from here to a repository first: platform:/SystemRepository/\(from.name)")
            }
            try await LocalCopy(client: client).upload(path, to: to)
        case (let from?, nil):
            guard case .local(let path) = to, case .repository = try FilePlace(source) else {
                throw ValidationError("copy a Thing's file to a repository first: platform:/SystemRepository/\(to.name)")
            }
            try await LocalCopy(client: client).download(from, to: path)
        case (nil, nil): throw ValidationError("one of both has to be platform:/… or Thing:/…: cp copies files here")
        }
    }
}

/// A copy that the platform makes, watched from here.
struct RemoteCopy {
    let client: RestClient
    let from: (repository: String, path: String)
    let to: (repository: String, path: String)
    let queues: Bool

    func run() async throws {
        // Before the platform begins what is to be told of.
        let signals = Signals.stream([SIGINT, SIGTERM])
        var known = try await find()
        if known == nil { known = try await begin() }
        guard let id = known else { return }
        var line = ProgressLine(FilePlace.split(from.path).name)
        let isInterrupted = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in signals { return true }
                return false
            }
            group.addTask {
                try await watch(id)
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        guard isInterrupted else { return }
        line.leave()
        Console.error("the platform goes on with it: the same command shows it again, edgectl transfers cancel \(id) ends it")
        line.show(0, of: 0)
        throw ExitCode(130)
    }

    /// The same copy, where it is under way or waits.
    private func find() async throws -> String? {
        for service in ["GetActiveTransferJobs", "GetQueuedTransferJobs"] {
            let rows = try await client.rows("Subsystems", subsystem, service)
            let place = { (row: JSONValue, side: String) in
                (row["\(side)Path"]?.string == "/" ? "" : row["\(side)Path"]?.string ?? "") + "/" + (row["\(side)File"]?.string ?? "")
            }
            if let row = rows.first(where: {
                $0["sourceRepository"]?.string == from.repository && $0["targetRepository"]?.string == to.repository
                    && place($0, "source") == from.path
                    && place($0, "target") == to.path
            }) {
                return row["transferId"]?.string
            }
        }
        return nil
    }

    private func begin() async throws -> String {
        let (source, target) = (FilePlace.split(from.path), FilePlace.split(to.path))
        let rows = try await client.rows(
            "Subsystems", subsystem, "Copy",
            [
                "sourceRepo": .string(from.repository), "sourcePath": .string(source.directory), "sourceFile": .string(source.name),
                "targetRepo": .string(to.repository), "targetPath": .string(target.directory), "targetFile": .string(target.name),
                "async": true,
                "queueable": .bool(queues),
            ])
        guard let id = rows.first?["transferId"]?.string else { throw RestError("the platform did not say which transfer it began") }
        return id
    }

    private func watch(_ id: String) async throws {
        var line = ProgressLine(FilePlace.split(from.path).name)
        while true {
            guard let job = try await client.rows("Subsystems", subsystem, "GetTransferJobInfo", ["transferId": .string(id)]).first else {
                throw RestError("the platform does not know transfer \(id) any more")
            }
            let (done, size) = (job["bytesTransferred"]?.int ?? 0, job["size"]?.int ?? 0)
            switch job["state"]?.string {
            case "VALIDATED": return line.end(size)
            case "ACTIVE": line.show(done, of: size)
            case "QUEUED": line.show(done, of: size, "waits\((job["message"]?.string).map { $0.isEmpty ? "" : ": \($0)" } ?? "")")
            case let state:
                line.leave()
                throw RestError("\(state ?? "?"): \(job["message"]?.string ?? "")")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}

struct FilesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "Files of a Thing or a repository.")
    @OptionGroup var connection: Connection
    @OptionGroup var output: OutputOptions
    @Argument(help: "Thing:/directory or platform:/repository/directory.") var place: String
    @Argument(help: "Names, * for any run.") var mask = ""

    func run() async throws {
        guard let (name, path) = try FilePlace(place).remote else {
            throw ValidationError("\(place): expected Thing:/directory or platform:/repository/directory")
        }
        let client = try connection.client()
        // An SDK edge has no files at its root, and names its directories alone.
        let rows: [JSONValue]
        if path == "/", case .thing = try FilePlace(place) {
            rows = try await client.rows("Things", name, "ListDirectories", ["path": "/"]).map { row in
                guard case .object(var object) = row else { return row }
                object["fileType"] = "D"
                return .object(object)
            }
        } else {
            rows = try await client.rows("Things", name, "BrowseFileSystem", ["path": .string(path), "nameMask": .string(mask)])
        }
        output.show(
            output.json ? rows : rows.map { $0.showingTime("lastModifiedDate") },
            ["fileType": "", "size": "SIZE", "lastModifiedDate": "MODIFIED", "name": "NAME"])
    }
}

struct TransfersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfers", abstract: "Transfers of a platform.", subcommands: [List.self, Cancel.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Transfers that are under way or wait, and with --history those that have ended.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions
        @Flag(help: "Those that have ended too, newest first.") var history = false

        func run() async throws {
            let client = try connection.client()
            var rows: [JSONValue] = []
            for service in ["GetActiveTransferJobs", "GetQueuedTransferJobs"] + (history ? ["GetFileTransferHistory"] : []) {
                rows += try await client.rows("Subsystems", subsystem, service)
            }
            output.show(
                output.json ? rows : rows.map(TransfersCommand.line),
                [
                    "transferId": "ID", "state": "STATE", "source": "FROM", "target": "TO", "done": "DONE", "startTime": "STARTED",
                    "message": "MESSAGE",
                ])
        }
    }

    private static func line(_ row: JSONValue) -> JSONValue {
        guard case .object(var object) = row.showingTime("startTime") else { return row }
        for side in ["source", "target"] {
            let directory = row["\(side)Path"]?.string ?? ""
            object[side] = .string(
                "\(row["\(side)Repository"]?.string ?? ""):\(directory == "/" ? "" : directory)/\(row["\(side)File"]?.string ?? "")")
        }
        let (done, size) = (row["bytesTransferred"]?.double ?? 0, row["size"]?.double ?? 0)
        object["done"] = .string("\(ProgressLine.bytes(done)) of \(ProgressLine.bytes(size))")
        return .object(object)
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a transfer.")
        @OptionGroup var connection: Connection
        @Argument var id: String

        func run() async throws {
            try await connection.client().serve(
                "Subsystems", subsystem, "CancelTransfer", ["transferId": .string(id), "reason": "cancelled by edgectl"])
        }
    }
}
