import Foundation

/// A certificate authority and a server certificate for `localhost`, made by openssl for one test.
public final class TestCertificates: Sendable {
    private let directory: TemporaryDirectory

    public var authority: String { directory.path("ca.pem") }
    public var server: String { directory.path("server.pem") }
    public var serverKey: String { directory.path("server.key") }

    public struct Failure: Error, CustomStringConvertible { public let description: String }

    public init() async throws {
        directory = try TemporaryDirectory()
        try directory.write("san", "subjectAltName=DNS:localhost\n")
        try await openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=Test-CA -keyout ca.key -out ca.pem")
        try await openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr")
        try await openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.pem")
    }

    private func openssl(_ arguments: String) async throws {
        let program = try Program("/usr/bin/env", ["openssl"] + arguments.split(separator: " ").map(String.init), in: directory.path)
        guard await program.exitStatus() == 0 else { throw Failure(description: program.output) }
    }
}
