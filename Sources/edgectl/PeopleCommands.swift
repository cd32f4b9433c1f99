import ArgumentParser
import EdgeREST
import Formats
import HTTPTransport
import ProgramSupport
import Secrets

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Application keys of a platform.", subcommands: [List.self, Create.self, Delete.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Keys, what they stand for, and when they were used last.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let client = try connection.client()
            var rows: [JSONValue] = []
            for row in try await client.call(.GET, "/Thingworx/ApplicationKeys")["rows"]?.array ?? [] {
                guard let name = row["name"]?.string else { continue }
                rows.append(
                    try await client.call(.GET, "/Thingworx/ApplicationKeys/\(PercentEncoding.encode(name))").showingTime(
                        "lastUsedDate", "expirationDate"))
            }
            output.show(
                rows,
                [
                    "name": "NAME", "userNameReference": "USER", "enabled": "GOOD", "lastUsedDate": "LAST USED",
                    "expirationDate": "EXPIRES", "ipWhiteList": "ADDRESSES",
                ])
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a key and print it: it is not told again.")
        @OptionGroup var connection: Connection
        @Option(help: "Whom it stands for.") var user: String
        @Option(help: "When it expires, such as 2030-01-31T00:00:00Z.") var expires: String?
        @Option(help: "Addresses and ranges that it is good from, with commas between them.") var addresses: String?
        @Argument var name: String

        func run() async throws {
            let client = try connection.client()
            var parameters: JSONObject = ["name": .string(name), "user": .string(user)]
            parameters["expirationDate"] = expires.map { .string($0) }
            parameters["whitelist"] = addresses.map { .string($0) }
            try await client.serve("Resources", "EntityServices", "CreateApplicationKey", parameters)
            Console.line(try await client.rows("ApplicationKeys", name, "GetKeyID").first?["result"]?.string ?? "")
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a key back; its connections are closed.")
        @OptionGroup var connection: Connection
        @Argument var name: String

        func run() async throws {
            try await connection.client().serve("Resources", "EntityServices", "DeleteApplicationKey", ["name": .string(name)])
        }
    }
}

struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Users of a platform.", subcommands: [List.self, Create.self, Delete.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Users and their groups.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let client = try connection.client()
            var rows: [JSONValue] = []
            for row in try await client.call(.GET, "/Thingworx/Users")["rows"]?.array ?? [] {
                guard let name = row["name"]?.string,
                    case .object(var user) = try await client.call(.GET, "/Thingworx/Users/\(PercentEncoding.encode(name))")
                else { continue }
                user["groups"] = .array(try await client.rows("Users", name, "GetGroups").compactMap { $0["name"] })
                rows.append(.object(user))
            }
            output.show(rows, ["name": "NAME", "enabled": "ENABLED", "locked": "LOCKED", "groups": "GROUPS", "description": "DESCRIPTION"])
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a user; a password is asked for, so that it stands in no process list.")
        @OptionGroup var connection: Connection
        @Flag(help: "Without a password: keys alone stand for it.") var withoutPassword = false
        @Option(help: "Groups that it joins.") var group: [String] = []
        @Argument var name: String

        func run() async throws {
            let client = try connection.client()
            var parameters: JSONObject = ["name": .string(name)]
            if !withoutPassword {
                guard let password = Console.secretLine(prompt: "Password of \(name): "), !password.isEmpty else {
                    throw ValidationError("no password was given")
                }
                parameters["password"] = .string(password)
            }
            try await client.serve("Resources", "EntityServices", "CreateUser", parameters)
            for group in group { try await client.serve("Groups", group, "AddMember", ["member": .string(name), "type": "User"]) }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a user, with its keys and rules.")
        @OptionGroup var connection: Connection
        @Argument var name: String

        func run() async throws {
            try await connection.client().serve("Resources", "EntityServices", "DeleteUser", ["name": .string(name)])
        }
    }
}

struct PermissionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "permissions", abstract: "Who may do what on a platform.", subcommands: [List.self, Add.self, Delete.self, Why.self],
        defaultSubcommand: List.self)

    private static let resource = "PermissionServices"

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All rules.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions

        func run() async throws {
            output.show(
                try await connection.client().rows("Resources", resource, "GetRules"),
                [
                    "number": "RULE", "principalType": "KIND", "principal": "WHO", "allow": "MAY", "rights": "RIGHTS", "resource": "OF",
                    "collection": "COLLECTION", "entities": "ON",
                ])
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add a rule; prints its number.")
        @OptionGroup var connection: Connection
        @Option var user: String?
        @Option var group: String?
        @Option(help: "Names, * for any run, with commas between them.") var on: String
        @Option var collection = "Things"
        @Option(help: "A property, service or event.") var of = "*"
        @Flag(help: "Refuse instead of allowing.") var refuse = false
        @Argument(
            help: "read, write, invoke, fire, subscribe, bind, tunnel, transfer, create, view, update, delete, or design for the last four."
        ) var rights: [String]

        func validate() throws { if (user == nil) == (group == nil) { throw ValidationError("expected either --user or --group") } }

        func run() async throws {
            let answer = try await connection.client().rows(
                "Resources", resource, "AddRule",
                [
                    "principal": .string(user ?? group ?? ""), "principalType": user == nil ? "Group" : "User",
                    "collection": .string(collection), "entities": .string(on),
                    "resource": .string(of), "rights": .string(rights.joined(separator: ",")), "allow": .bool(!refuse),
                ])
            Console.line(answer.first?["result"]?.description ?? "")
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a rule.")
        @OptionGroup var connection: Connection
        @Argument var number: Int

        func run() async throws { try await connection.client().serve("Resources", resource, "DeleteRule", ["number": .int(number)]) }
    }

    struct Why: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Whether a user may do something, and why.")
        @OptionGroup var connection: Connection
        @OptionGroup var output: OutputOptions
        @Option var of: String?
        @Option var collection = "Things"
        @Argument var user: String
        @Argument var right: String
        @Argument var entity: String

        func run() async throws {
            var parameters: JSONObject = [
                "user": .string(user), "right": .string(right), "entity": .string(entity), "collection": .string(collection),
            ]
            parameters["resource"] = of.map { .string($0) }
            let answer = try await connection.client().serve("Resources", resource, "Explain", parameters)
            if output.json { return Console.line(answer.description) }
            Console.line("\(answer["allowed"] == true ? "yes" : "no"): \(answer["why"]?.string ?? "")")
        }
    }
}

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "A platform's model as a whole.", subcommands: [Export.self, Import.self, Backup.self])

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print all entities, or those that a mask names, as JSON, without keys and passwords.")
        @OptionGroup var connection: Connection
        @Argument(help: "A name, * for any run.") var mask: String?

        func run() async throws {
            var parameters = JSONObject()
            parameters["nameMask"] = mask.map { .string($0) }
            Console.line(try await connection.client().serve("Subsystems", "PlatformSubsystem", "ExportModel", parameters).description)
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make or change the entities of such JSON: all of them, or none.")
        @OptionGroup var connection: Connection
        @Argument(help: "A file, - for standard input.") var file: String

        func run() async throws {
            let bytes = try AtomicFile.read(file == "-" ? "/dev/stdin" : file)
            let model = try JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
            let counts = try await connection.client().serve("Subsystems", "PlatformSubsystem", "ImportModel", ["model": model])
            Console.line(counts.description)
        }
    }

    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the platform's database while it runs, to a file beside it; prints where.")
        @OptionGroup var connection: Connection
        @Argument(help: "Name of the new file.") var name: String?

        func run() async throws {
            var parameters = JSONObject()
            parameters["path"] = name.map { .string($0) }
            Console.line(
                try await connection.client().rows("Subsystems", "PlatformSubsystem", "Backup", parameters).first?["result"]?.string ?? "")
        }
    }
}
