package import LogSupport
package import LuaRuntime
package import NIOCore
package import Secrets

/// The settings of `config.lua` (lsr.md §2).
package struct ScriptConfiguration: Sendable {
    package struct Gateway: Sendable, Equatable {
        package var host = "127.0.0.1"
        package var port = 8000
        package var tls = true
        package var validate = true
        package var denySelfSigned = true
        package var disableHostnameValidation = false
        package var allowCommonName = false
        package var certificateFile: String?
        package var authenticate = true
        package var user: String?
        package var password: Secret?
    }

    package struct Server: Sendable, Equatable {
        package var host = "localhost"
        package var port = 8001
        package var tls = true
        package var certificateChain: String?
        package var privateKey: String?
        package var passphrase: Secret?
        /// Whether the program makes a certificate for itself where none is named, and where it lies.
        package var makesCertificate = false
        var madeCertificate = ""
        var madeKey = ""
        package var authenticate = true
        package var user: String?
        package var password: Secret?
        package var maximumClients = 256
        package var requestTimeout = TimeAmount.seconds(15)
        /// Bytes of a request's body.
        package var maximumBodySize = 16 << 20
        /// Names besides its own by which clients reach the server, and origins whose pages may send requests.
        package var allowedHosts: [String] = []
        package var allowedOrigins: [String] = []
    }

    /// One entry: a script, or a Thing when its file is `thing.lua`.
    package struct Entry: Sendable, Equatable {
        package let name: String
        package let file: String
        package let isThing: Bool
        package let identifier: String?
        /// What the script finds in `p_data`.
        package let settings: LuaValue
    }

    package let path: String
    package var log = LogSettings()
    package var gateway = Gateway()
    package var server = Server()
    package var fips = false
    /// Whether a script whose files change is started anew.
    package var watch = false
    /// Where pushes wait while the gateway is away; nil: in memory.
    package var pushStore: String?
    package var pushStoreSize = 16 << 20
    /// Whether `/metrics` answers.
    package var metrics = false
    package var entries: [Entry] = []
    package var warnings: [String] = []
    /// Settings as every script sees them, secrets left out.
    var shared: [String: LuaValue] = [:]
    /// Keys of an entry that scripts get as truth values, and not as texts.
    static let realBooleans: Set = ["register", "getPropertySubscriptionsOnReconnect", "useShapes"]
    /// Secrets that stand in the file in clear, by their settings' names.
    var clearSecrets: [String: Secret] = [:]

    init(path: String) { self.path = path }
}

/// A configuration that cannot be used: every reason at once.
package struct ScriptConfigurationErrors: Error, CustomStringConvertible, Sendable {
    package let errors: [String]
    /// What is to be said besides.
    package var warnings: [String] = []

    package var description: String { errors.joined(separator: "\n") }
}
