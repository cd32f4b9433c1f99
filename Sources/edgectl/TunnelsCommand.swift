import ArgumentParser
import EdgeREST
import Formats
import Tunnels

private let subsystem = "TunnelSubsystem"

struct TunnelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tunnels", abstract: "Tunnels of a platform, and their names.",
        subcommands: [List.self, End.self, Names.self, Add.self, Remove.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tunnels that are open: who opened them, where to, and what went through them.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let rows = try await connection.client().rows("Subsystems", subsystem, "GetActiveTunnels")
            output.show(
                output.json ? rows : rows.map(TunnelsCommand.line),
                [
                    "tunnelId": "ID", "state": "STATE", "user": "USER", "targetThing": "THING", "target": "TO",
                    "connections": "CONNECTIONS", "bytes": "BYTES",
                    "startTime": "SINCE",
                ])
        }
    }

    private static func line(_ row: JSONValue) -> JSONValue {
        guard case .object(var object) = row.showingTime("startTime") else { return row }
        object["target"] = .string("\(row["host"]?.string ?? ""):\(row["port"]?.int ?? 0)")
        object["bytes"] = .string(ProgressLine.bytes(row["bytesTransferred"]?.double ?? 0))
        return .object(object)
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "end", abstract: "End a tunnel.", aliases: ["close", "cancel"])
        @OptionGroup var connection: Connection
        @Argument var id: String

        func run() async throws {
            try await connection.client().serve(
                "Subsystems", subsystem, "CancelTunnel", ["tid": .string(id), "reason": "ended by edgectl"])
        }
    }

    struct Names: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tunnels that a Thing has by name.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions
        @Argument var thing: String

        func run() async throws {
            output.show(
                try await connection.client().rows("Things", thing, "GetTunnels"),
                [
                    "name": "NAME", "host": "HOST", "port": "PORT", "numConnects": "CONNECTIONS", "idleTimeout": "IDLE MS",
                    "description": "DESCRIPTION",
                ])
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a target a name.")
        @OptionGroup var connection: Connection
        @Option(help: "Connections that one tunnel may make; -1 for no limit.") var connects = -1
        @Option(help: "Milliseconds without traffic after which it ends.") var idle = 300_000
        @Option(help: "What it is for.") var description = ""
        @Argument var thing: String
        @Argument var name: String
        @Argument(help: "host:port as the Thing's edge sees them.") var target: String

        func run() async throws {
            let place = try TunnelTarget(target)
            try await connection.client().serve(
                "Things", thing, "AddTunnel",
                [
                    "name": .string(name), "host": .string(place.host), "port": .int(place.port), "numConnects": .int(connects),
                    "idleTimeout": .int(idle), "description": .string(description),
                ])
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a name away.")
        @OptionGroup var connection: Connection
        @Argument var thing: String
        @Argument var name: String

        func run() async throws { try await connection.client().serve("Things", thing, "RemoveTunnel", ["name": .string(name)]) }
    }
}
