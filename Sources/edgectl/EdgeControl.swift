import ArgumentParser
import ProgramSupport

struct EdgeControl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edgectl", abstract: "One tool for people who look after an edge.", version: Product.version,
        subcommands: [Encrypt.self, SecretsCommand.self, Get.self, Invoke.self, Watch.self, ConfigCommand.self, MessageCommand.self, LoadCommand.self, StoreCommand.self, LuaCommand.self, NewCommand.self])
}
