import Formats
package import Metrics
package import NIOCore
import NIOHTTP1

/// What a program tells those who watch over it: `/healthz` (it works), `/readyz` (it can do what it is for) and `/metrics`.
///
/// The first two need no credentials where they are asked for from the machine itself: whoever starts a program has to be able to ask.
package struct OperationsPages: Sendable {
    package enum Page: String, Sendable {
        case health = "healthz"
        case readiness = "readyz"
        case metrics
    }

    private let program: String
    private let version: String
    private let health: @Sendable () -> HealthReport
    private let readiness: @Sendable () -> EventLoopFuture<HealthReport>
    private let metrics: @Sendable () -> EventLoopFuture<MetricsText>?

    /// - Parameters:
    ///   - program, version: what answers, for those who look after several.
    ///   - metrics: nil where they are switched off.
    package init(
        program: String, version: String, health: @escaping @Sendable () -> HealthReport,
        readiness: @escaping @Sendable () -> EventLoopFuture<HealthReport>,
        metrics: @escaping @Sendable () -> EventLoopFuture<MetricsText>?
    ) {
        (self.program, self.version) = (program, version)
        self.health = health
        self.readiness = readiness
        self.metrics = metrics
    }

    /// The page that a request is for; nil for all others.
    package static func page(for http: HTTPRequest) -> Page? {
        guard http.path.count == 1, http.method == .GET || http.method == .HEAD else { return nil }
        return Page(rawValue: http.path[0])
    }

    /// Whether anybody may see it: the health, from the machine itself.
    package static func isOpen(_ page: Page, to http: HTTPRequest) -> Bool {
        page != .metrics && http.remoteAddress?.isLoopback == true
    }

    package func response(_ page: Page, on loop: any EventLoop) -> EventLoopFuture<HTTPResponse> {
        switch page {
        case .health: return loop.makeSucceededFuture(response(health()))
        case .readiness: return readiness().map { self.response($0) }
        case .metrics:
            guard let text = metrics() else {
                return loop.makeSucceededFuture(
                    .error(.notFound, "metrics are switched off: set metrics.enabled (in config.lua metrics_enabled)"))
            }
            return text.map { HTTPResponse(.ok, headers: ["Content-Type": MetricsText.contentType], body: $0.body) }
        }
    }

    private func response(_ report: HealthReport) -> HTTPResponse {
        guard case .object(var json) = report.json else { return HTTPResponse(.internalServerError) }
        json["program"] = .string(program)
        json["version"] = .string(version)
        var response = HTTPResponse.json(
            ByteBuffer(string: JSONValue.object(json).description), status: report.isGood ? .ok : .serviceUnavailable)
        response.headers.add(name: "Cache-Control", value: "no-store")
        return response
    }
}

extension SocketAddress {
    package var isLoopback: Bool {
        switch self {
        case .v4(let address): UInt32(bigEndian: address.address.sin_addr.s_addr) >> 24 == 127
        case .v6: ipAddress == "::1" || ipAddress?.lowercased().hasPrefix("::ffff:127.") == true
        case .unixDomainSocket: true
        }
    }
}
