package import Formats
import Glibc
package import Logging
package import Secrets
package import Settings

/// Finds, checks and keeps the configuration file (ems.md §1.3).
package struct ConfigurationFile: Sendable {
    package let path: String
    package let keyFile: KeyFile

    package init(path: String) {
        self.path = path
        keyFile = KeyFile(besides: path)
    }

    package struct Loaded: Sendable {
        package var configuration: GatewayConfiguration
        /// The file's bytes, its secrets sealed.
        package var bytes: [UInt8]
        /// Whether the last good copy is used in place of the file itself.
        package var isFallback: Bool
        package var warnings: [ConfigDiagnostic]
    }

    /// The copy of the last configuration that booted.
    package var bootedPath: String { path + ".booted" }
    /// The file as it was before a service changed it.
    package var previousPath: String { path + ".previous" }

    /// Reads the file, else its last good copy; clear secrets in the file are sealed in place.
    ///
    /// - Parameter report: gets each reason why a file is not used, as a line for the log.
    /// - Returns: nil when neither can be used. Nothing was overwritten then.
    package func load(report: (Logger.Level, String) -> Void) -> Loaded? {
        if let loaded = read(path, report: report) { return sealed(loaded, report: report) }
        for candidate in [bootedPath, path + "_booted"] where access(candidate, F_OK) == 0 {
            guard var loaded = read(candidate, report: report) else { continue }
            loaded.isFallback = true
            report(
                .error,
                "\(path) is not used: running with \(candidate), the last configuration that booted. Changes in \(path) have no effect until it is corrected"
            )
            return loaded
        }
        report(.error, "no configuration could be loaded: neither \(path) nor \(bootedPath) can be used")
        return nil
    }

    /// Reads the file itself; clear secrets in it are sealed in place.
    /// - Returns: nil when it cannot be used, which was reported.
    package func reread(report: (Logger.Level, String) -> Void) -> Loaded? { read(path, report: report).map { sealed($0, report: report) } }

    /// Everything that is wrong with the file, without using it: the files it names included.
    package func check() throws -> [ConfigDiagnostic] {
        let (configuration, diagnostics, document) = try parse(path)
        return diagnostics + configuration.certificateDiagnostics(document)
    }

    /// The settings of the file as it is, which stays as it is; nil where it cannot be used.
    package func look() throws -> GatewayConfiguration? {
        let (configuration, diagnostics, _) = try parse(path)
        return diagnostics.contains { $0.severity == .error } ? nil : configuration
    }

    private func parse(_ path: String) throws -> (GatewayConfiguration, [ConfigDiagnostic], JSONDocument) {
        let bytes = try AtomicFile.read(path)
        let document: JSONDocument
        do {
            document = try JSONDocument(bytes: bytes)
        } catch {
            throw ConfigSyntaxError(location: TextLocation(offset: error.offset, in: bytes), message: error.message)
        }
        let keys = try keyFile.load()
        let (configuration, diagnostics) = GatewayConfiguration.read(document, keys: keys, keyFile: keyFile)
        return (configuration, diagnostics, document)
    }

    private func read(_ path: String, report: (Logger.Level, String) -> Void) -> Loaded? {
        do {
            let (configuration, diagnostics, document) = try parse(path)
            let errors = diagnostics.filter { $0.severity == .error }
            for error in errors { report(.error, "\(path): \(error)") }
            guard errors.isEmpty else { return nil }
            return Loaded(configuration: configuration, bytes: document.bytes, isFallback: false, warnings: diagnostics)
        } catch {
            report(.error, error is ConfigSyntaxError ? "\(path): \(error)" : "\(error)")
            return nil
        }
    }

    private func sealed(_ loaded: Loaded, report: (Logger.Level, String) -> Void) -> Loaded {
        do {
            let document = try JSONDocument(bytes: loaded.bytes)
            // A new key would not open what an old one sealed: it is made only where nothing is sealed yet.
            let keys = try GatewayConfiguration.secrets.hasSealed(document) ? keyFile.load() : keyFile.loadOrCreate()
            guard let keys, let bytes = GatewayConfiguration.secrets.sealingClear(document, with: keys) else { return loaded }
            let hasOtherNames = AtomicFile.hasOtherNames(path)
            try AtomicFile.replace(path, with: bytes)
            if hasOtherNames { report(.warning, "\(path) had other names (hard links): under those the secrets still stand in clear text") }
            report(.info, "encrypted the clear-text secrets in \(path)")
            var loaded = loaded
            loaded.bytes = bytes
            return loaded
        } catch {
            report(.warning, "the secrets in \(path) stay in clear text: \(error)")
            return loaded
        }
    }

    /// Keeps a copy of a configuration that booted. One with clear-text secrets is not copied.
    package func keepBooted(_ loaded: Loaded) throws {
        guard !loaded.isFallback, let document = try? JSONDocument(bytes: loaded.bytes) else { return }
        if let keys = try keyFile.load(), GatewayConfiguration.secrets.sealingClear(document, with: keys) != nil { return }
        if let old = try? AtomicFile.read(bootedPath), old == loaded.bytes { return }
        try AtomicFile.replace(bootedPath, with: loaded.bytes)
    }
}

/// A file that is no JSON: where it stops being it.
package struct ConfigSyntaxError: Error, CustomStringConvertible, Sendable {
    package let location: TextLocation
    package let message: String

    package var description: String { "\(location): not valid JSON: \(message)" }
}
