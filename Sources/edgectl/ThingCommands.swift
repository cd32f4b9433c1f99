import ArgumentParser
import EdgeREST
import Formats
import ProgramSupport

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Read a property, or all of them.")

    @OptionGroup var connection: Connection
    @Argument var thing: String
    @Argument var property = ""

    func run() async throws {
        let answer = try await connection.client().call(.GET, RestClient.thing(thing, "Properties", property))
        for member in answer["rows"]?[0]?.object?.members ?? [] {
            Console.line(property.isEmpty ? "\(member.name)\t\(member.value)" : "\(member.value)")
        }
    }
}

struct Invoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Invoke a service; parameters are name=value, the value JSON or text.")

    @OptionGroup var connection: Connection
    @Argument var thing: String
    @Argument var service: String
    @Argument var parameters: [String] = []

    func run() async throws {
        var body = JSONObject()
        for parameter in parameters {
            let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { throw ValidationError("expected name=value, found \(parameter)") }
            body[String(pair[0])] = (try? JSONValue(parsing: String(pair[1]))) ?? .string(String(pair[1]))
        }
        Console.line("\(try await connection.client().call(.POST, RestClient.thing(thing, "Services", service), body: .object(body)))")
    }
}

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a Thing's values as they change, until interrupted.")

    @OptionGroup var connection: Connection
    @Argument var thing: String
    @Option(help: "Milliseconds between looks.")
    var interval = 1000

    func run() async throws {
        let client = try connection.client()
        let thing = self.thing
        let pause = Duration.milliseconds(max(interval, 10))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await Signals.untilStop() }
            group.addTask {
                var seen: [String: JSONValue] = [:]
                var lastError = ""
                while !Task.isCancelled {
                    do {
                        let answer = try await client.call(.GET, RestClient.thing(thing, "Properties"))
                        for member in answer["rows"]?[0]?.object?.members ?? [] where seen[member.name] != member.value {
                            seen[member.name] = member.value
                            Console.line("\(thing).\(member.name) = \(member.value)")
                        }
                        lastError = ""
                    } catch is CancellationError {
                        return
                    } catch {
                        if "\(error)" != lastError { Console.line("\(error)") }
                        lastError = "\(error)"
                    }
                    try? await Task.sleep(for: pause)
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }
}
