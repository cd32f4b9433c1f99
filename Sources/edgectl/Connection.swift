import ArgumentParser
import EdgeREST
import Glibc
import HTTPTransport
import NetworkSupport
import NIOPosix
import Secrets

/// How a command reaches a platform or a gateway.
struct Connection: ParsableArguments {
    @Option(help: "The platform or gateway.")
    var url = "http://127.0.0.1:8080"

    @Option(help: "File that holds the application key; not needed at a gateway. $THINGWORX_APP_KEY works as well.")
    var keyFile: String?

    @Option(help: "PEM file of an authority that is trusted besides those of the system, for https.")
    var ca: String?

    /// All commands of a process share a loop.
    static let loop = MultiThreadedEventLoopGroup.singleton.next()

    var trust: TLSClientSettings {
        var settings = TLSClientSettings()
        settings.roots = ca.map { [$0] } ?? []
        return settings
    }

    func client() throws -> RestClient {
        var configuration = HTTPClient.Configuration()
        configuration.tls = trust
        return try RestClient(url: url, key: try key(), tls: configuration, on: Connection.loop)
    }

    /// nil where none was given.
    func key() throws -> String? {
        var key = getenv("THINGWORX_APP_KEY").map { String(cString: $0) }
        if let keyFile {
            let text = String(decoding: try AtomicFile.read(keyFile, limit: 1 << 16), as: UTF8.self)
            key = text.split(whereSeparator: \.isWhitespace).first.map(String.init)
        }
        return key
    }
}
