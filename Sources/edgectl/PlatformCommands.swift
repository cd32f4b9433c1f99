import ArgumentParser
import EdgeREST
import Formats
import HTTPTransport
import NIOHTTP1
import ProgramSupport

extension RestClient {
    /// The rows that a service of an entity answers.
    func rows(_ collection: String, _ name: String, _ service: String, _ parameters: JSONObject = [:]) async throws -> [JSONValue] {
        try await serve(collection, name, service, parameters)["rows"]?.array ?? []
    }

    @discardableResult
    func serve(_ collection: String, _ name: String, _ service: String, _ parameters: JSONObject = [:]) async throws -> JSONValue {
        try await call(.POST, "/Thingworx/\(collection)/\(PercentEncoding.encode(name))/Services/\(service)", body: .object(parameters))
    }
}

struct ThingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "things", abstract: "Things of a platform.", subcommands: [List.self, Create.self, Delete.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All Things that the key may see, with their state.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions
        @Option(help: "Only Things made from this template, or one that comes from it.") var template: String?
        @Argument(help: "A name, * for any run.") var mask = "*"

        func run() async throws {
            let client = try connection.client()
            let base = template ?? "GenericThing"
            let found = try await client.rows(
                "ThingTemplates", base, "QueryImplementingThings", ["nameMask": .string(mask), "maxItems": 1_000_000])
            output.show(
                found.map { $0.showingTime("lastConnection") },
                [
                    "name": "NAME", "thingTemplate": "TEMPLATE", "isConnected": "CONNECTED", "lastConnection": "LAST CONNECTION",
                    "description": "DESCRIPTION",
                ])
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a Thing.")
        @OptionGroup var connection: Connection
        @Option var template = "RemoteThing"
        @Option(help: "The name with which an edge binds it as *….") var identifier: String?
        @Option var description: String?
        @Argument var name: String

        func run() async throws {
            var parameters: JSONObject = ["name": .string(name), "thingTemplateName": .string(template)]
            parameters["identifier"] = identifier.map { .string($0) }
            parameters["description"] = description.map { .string($0) }
            try await connection.client().serve("Resources", "EntityServices", "CreateThing", parameters)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a Thing.")
        @OptionGroup var connection: Connection
        @Argument var name: String

        func run() async throws { _ = try await connection.client().call(.DELETE, "/Thingworx/Things/\(PercentEncoding.encode(name))") }
    }
}

struct PropsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "props", abstract: "Properties of a Thing.", subcommands: [List.self, Add.self, Remove.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Properties with values, times and qualities.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions
        @Argument var thing: String

        func run() async throws {
            let client = try connection.client()
            let values = try await client.rows("Things", thing, "GetPropertyValuesAsMultiRowTable")
            let definitions = try await client.rows("Things", thing, "GetPropertyDefinitions")
            let types = Dictionary(definitions.compactMap { row in row["name"]?.string.map { ($0, row["baseType"] ?? .null) } }) {
                first, _ in first
            }
            let rows = values.map { row -> JSONValue in
                guard case .object(var object) = row else { return row }
                object["value"] = object["value"]?["value"] ?? object["value"]
                object["baseType"] = object["name"]?.string.flatMap { types[$0] }
                return JSONValue.object(object).showingTime("time")
            }
            output.show(rows, ["name": "NAME", "value": "VALUE", "time": "TIME", "quality": "QUALITY", "baseType": "TYPE"])
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Define a property.")
        @OptionGroup var connection: Connection
        @Flag(help: "It lives at the edge.") var remote = false
        @Flag(help: "Its values have a history.") var logged = false
        @Flag(help: "Its value outlasts a restart.") var persistent = false
        @Option(help: "What the edge calls it.") var source: String?
        @Option(name: .customLong("push")) var push = "VALUE"
        @Argument var thing: String
        @Argument var name: String
        @Argument(help: "NUMBER, STRING, BOOLEAN …") var type: String

        func run() async throws {
            var parameters: JSONObject = [
                "name": .string(name), "type": .string(type), "remote": .bool(remote), "logged": .bool(logged),
                "persistent": .bool(persistent), "pushType": .string(push),
            ]
            parameters["remotePropertyName"] = source.map { .string($0) }
            try await connection.client().serve("Things", thing, "AddPropertyDefinition", parameters)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a property.")
        @OptionGroup var connection: Connection
        @Argument var thing: String
        @Argument var name: String

        func run() async throws {
            try await connection.client().serve("Things", thing, "RemovePropertyDefinition", ["name": .string(name)])
        }
    }
}

struct ServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "services", abstract: "Services of a Thing.")
    @OptionGroup var connection: Connection
    @OptionGroup var output: OutputOptions
    @Flag(help: "Those of the platform too.") var all = false
    @Argument var thing: String

    func run() async throws {
        let services = try await connection.client().rows("Things", thing, "GetServiceDefinitions")
        let rows = services.filter { all || $0["category"] != "Platform" }.map { row -> JSONValue in
            guard case .object(var object) = row else { return row }
            let parameters = row["parameterDefinitions"]?["rows"]?.array ?? []
            object["parameters"] = .string(
                parameters.map { "\($0["name"]?.string ?? "") \($0["baseType"]?.string ?? "")" }.joined(separator: ", "))
            object["result"] = row["resultType"]?["rows"]?[0]?["baseType"]
            return .object(object)
        }
        output.show(rows, ["name": "NAME", "parameters": "PARAMETERS", "result": "RESULT", "description": "DESCRIPTION"])
    }
}

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "history", abstract: "Values that a property had, newest first.")
    @OptionGroup var connection: Connection
    @OptionGroup var output: OutputOptions
    @Option(help: "From this time on, such as 2030-01-31T00:00:00Z, or milliseconds since 1970.") var from: String?
    @Option(help: "Up to this time.") var to: String?
    @Option(name: .customLong("max")) var most = 50
    @Argument var thing: String
    @Argument var property: String

    func run() async throws {
        let names: JSONValue = [
            "dataShape": ["fieldDefinitions": ["name": ["name": "name", "baseType": "STRING"]]], "rows": [["name": .string(property)]],
        ]
        var parameters: JSONObject = ["propertyNames": names, "maxItems": .int(most)]
        parameters["startDate"] = from.map { .string($0) }
        parameters["endDate"] = to.map { .string($0) }
        let rows = try await connection.client().rows("Things", thing, "QueryNamedPropertyHistory", parameters)
        output.show(output.json ? rows : rows.map { $0.showingTime("timestamp") }, ["timestamp": "TIME", property: property])
    }
}
