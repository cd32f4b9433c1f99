import ArgumentParser
import EdgeCore
import Formats
import Logging
import MessageStore
import ProgramSupport
import Secrets
import Settings

/// What a gateway keeps for the platform, and what the platform refused (Documentation/store.md).
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Look into a gateway's stored requests, and decide on refused ones.",
        discussion: "To be run where the gateway runs: in its working directory, as its user.",
        subcommands: [List.self, Show.self, Export.self, Retry.self, Drop.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List refused requests, oldest first.")

        @OptionGroup var place: StorePlace
        @Flag(help: "Those that wait for the platform too.")
        var waiting = false

        func run() async throws {
            let stored = try place.stored()
            let counts = stored.counts
            stored.forEach(waiting: waiting, refused: true) { entry in
                Console.line(
                    [entry.id, UTCTime(milliseconds: entry.time).iso8601, entry.thing, entry.what, entry.refusal ?? ""].joined(
                        separator: "\t"))
            }
            Console.error("\(counts.waiting) wait for the platform, \(counts.refused) were refused")
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one request as JSON.")

        @OptionGroup var place: StorePlace
        @Argument(help: "As `list` shows it, such as r17.")
        var id: String

        func run() async throws {
            var isThere = false
            try place.stored().forEach(waiting: id.hasPrefix("w"), refused: id.hasPrefix("r")) { entry in
                guard entry.id == id else { return }
                isThere = true
                Console.line(entry.json.pretty)
            }
            guard isThere else { throw ValidationError("there is no stored request \(id)") }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print all requests, those that wait and those that were refused, a line of JSON each.")

        @OptionGroup var place: StorePlace

        func run() async throws { try place.stored().forEach(waiting: true, refused: true) { Console.line("\($0.json)") } }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give refused requests to the platform again.")

        @OptionGroup var place: StorePlace
        @OptionGroup var selection: Selection

        func run() async throws {
            Console.line("\(try await place.invoke("RetryStoredRequests", try selection.parameters())) to be tried again")
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Throw stored requests away.")

        @OptionGroup var place: StorePlace
        @OptionGroup var selection: Selection

        func run() async throws { Console.line("\(try await place.invoke("DropStoredRequests", try selection.parameters())) thrown away") }
    }
}

struct Selection: ParsableArguments {
    @Argument(help: "As `list` shows them, such as r17.")
    var ids: [String] = []
    @Flag(help: "All that were refused.")
    var all = false

    func parameters() throws -> JSONValue {
        guard all != !ids.isEmpty else { throw ValidationError("expected ids, or --all") }
        return all ? [:] : ["ids": .string(ids.joined(separator: " "))]
    }
}

/// A gateway's configuration, and so its store and its local server.
struct StorePlace: ParsableArguments {
    @Option(help: "The gateway's configuration.")
    var config = StandardPaths.gateway

    private func configuration() throws -> (GatewayConfiguration, ConfigurationFile) {
        let file = ConfigurationFile(path: config)
        var problems: [String] = []
        guard let loaded = file.reread(report: { if $0 >= .error { problems.append($1) } }) else {
            throw ValidationError(problems.joined(separator: "\n"))
        }
        return (loaded.configuration, file)
    }

    func stored() throws -> StoredRequests {
        let (configuration, file) = try configuration()
        return try StoredRequests(configuration.offlineStore, keyFile: file.keyFile)
    }

    /// Asks the running gateway, by its own server.
    func invoke(_ service: String, _ parameters: JSONValue) async throws -> Int {
        let json = try await LocalGateway(configuration().0).invoke(service, parameters)
        return json["rows"]?[0]?["result"]?.int ?? 0
    }
}
