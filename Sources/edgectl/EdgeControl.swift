import ArgumentParser
import ProgramSupport

struct EdgeControl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edgectl", abstract: "One tool for people who look after an edge.", version: Product.version,
        subcommands: [
            CheckCommand.self, StatusCommand.self, ReadyCommand.self, SupportBundleCommand.self, Encrypt.self, SecretsCommand.self,
            Get.self, Invoke.self,
            Watch.self, ThingsCommand.self, PropsCommand.self, ServicesCommand.self, HistoryCommand.self, KeysCommand.self,
            UsersCommand.self,
            PermissionsCommand.self, ModelCommand.self, CopyCommand.self, FilesCommand.self, TransfersCommand.self, TunnelCommand.self,
            TunnelsCommand.self, ConfigCommand.self, MessageCommand.self, LoadCommand.self, StoreCommand.self, LuaCommand.self,
            NewCommand.self,
        ])
}
