import ArgumentParser
import EdgeCore
import Formats
import ProgramSupport
import Settings

/// What `config.json` of the gateway may hold, made from the same description that it is read by.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Print what a gateway's config.json may hold.",
        discussion: "reference: all settings, as Markdown. schema: a JSON Schema. minimal, complete, documented: sample files.")

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case reference
        case schema
        case minimal
        case complete
        case documented
    }

    @Argument(help: "One of \(Form.allCases.map(\.rawValue).joined(separator: ", ")).")
    var form: Form

    func run() async throws {
        let reference = SettingsReference(GatewayConfiguration.settings.map(\.description))
        let text =
            switch form {
            case .reference: ConfigCommand.introduction + reference.markdown()
            case .schema: reference.schema(title: "config.json of wsems").pretty + "\n"
            case .minimal: reference.sample(.minimal)
            case .complete: reference.sample(.complete)
            case .documented: reference.sample(.documented)
            }
        Console.prompt(text)
    }

    private static let introduction = """
        # Settings of `config.json`

        Made by `edgectl config reference` (`make docs`); `config.schema.json` beside it is the same as a JSON Schema, and
        `Examples/config/` has sample files. `wsems -check` says what is wrong with a file, each mistake with line, column and path.

        Names are matched exactly, else without regard to case, `-` and `_`, with a warning. Numbers and truth values may be written
        as texts. A value that cannot be used is reported, and the default stands in for it. Settings marked *live* are taken over by
        SIGHUP (`systemctl reload`) and by the service ReloadConfiguration of LocalEms; others wait for a restart, and the log says so.


        """
}
