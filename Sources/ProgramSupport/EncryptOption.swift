package import ArgumentParser
import Secrets

/// `-encrypt TEXT` of the programs whose configurations hold secrets (ems.md §3.2).
package struct EncryptOption: ParsableArguments {
    @Option(
        name: .customLong("encrypt", withSingleDash: true), parsing: .unconditional,
        help: ArgumentHelp("Print the encrypted form of a secret and exit; - reads it from standard input.", valueName: "text"))
    package var encrypt: String?

    package init() {}

    /// Prints three lines, the value alone on the last: what existing installer scripts parse.
    /// - Returns: false when the option was not given.
    /// - Throws: `ValidationError` without a text; what is wrong with the key file.
    package func printEncrypted(besides configuration: String) throws -> Bool {
        guard let encrypt else { return false }
        guard let secret = encrypt == "-" ? Console.secretLine(prompt: "Secret: ") : encrypt, !secret.isEmpty else {
            throw ValidationError("expected a text to encrypt")
        }
        let keys = try KeyFile(besides: configuration).loadOrCreate()
        Console.line("\nEncrypted value:\n\(keys.seal(Secret(secret), place: nil))")
        return true
    }
}
