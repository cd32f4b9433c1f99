import ArgumentParser
import EdgeCore
import Glibc
import ProgramSupport
import Secrets

struct Encrypt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Encrypt a secret for a configuration; reads it from standard input.")

    @Option(help: "The configuration that it is for: the key file lies beside it.")
    var config = StandardPaths.gateway

    func run() async throws {
        guard let secret = Console.secretLine(prompt: "Secret: "), !secret.isEmpty else {
            throw ValidationError("expected a secret on standard input")
        }
        Console.line(try KeyFile(besides: config).loadOrCreate().seal(Secret(secret), place: nil))
    }
}

struct SecretsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secrets", abstract: "Look after encrypted secrets.", subcommands: [Rotate.self])
}

struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Re-encrypt all secrets with a new key.",
        discussion: "Every configuration beside the key file is rewritten, and so are its last good copy and the persistent registrations.")

    @Option(help: "A configuration beside the key file; more than one may be given.")
    var config: [String] = [StandardPaths.gateway]

    func run() async throws {
        let directory = AtomicFile.directory(of: config[0])
        var files: [String] = []
        for candidate in config.flatMap({ [$0, "\($0).booted", "\($0).things"] }) + ["\(directory)/config.lua"]
        where access(candidate, F_OK) == 0 && !files.contains(candidate) {
            files.append(candidate)
        }
        try refuseWhereStored()
        let places = GatewayConfiguration.secrets.adding(PersistentThings.secretPlaces)
        do {
            try KeyRotation(keyFile: KeyFile(besides: config[0]), secrets: places).run(files: files)
        } catch {
            Console.error("nothing was changed: \(error)")
            throw ExitCode(1)
        }
        Console.line("new key; re-encrypted \(files.joined(separator: ", "))")
    }

    /// What is stored is encrypted with the key of before, and is not to be lost.
    private func refuseWhereStored() throws {
        for path in config where access(path, F_OK) == 0 {
            let file = ConfigurationFile(path: path)
            guard let settings = file.reread(report: { _, _ in })?.configuration.offlineStore, access(settings.directory, F_OK) == 0 else {
                continue
            }
            let counts = try StoredRequests(settings, keyFile: file.keyFile).counts
            guard counts.waiting + counts.refused > 0 else { continue }
            Console.error(
                """
                nothing was changed: \(counts.waiting) requests in \(settings.directory) wait for the platform and \(counts.refused) were refused, encrypted with \
                the key of now. Let the gateway deliver them, and drop or retry the refused ones (`edgectl store`)
                """)
            throw ExitCode(1)
        }
    }
}
