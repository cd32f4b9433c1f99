import Glibc
package import NIOCore
import NIOPosix
import NIOSSL

/// What went wrong with a connection, in words for a person.
package enum NetworkErrorText {
    package static func describe(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode)).lowercasedFirst
        case let error as NIOConnectionError: describe(error)
        case ChannelError.connectTimeout(let limit): "no answer within \(limit.nanoseconds / 1_000_000) ms"
        case ChannelError.eof, ChannelError.inputClosed, ChannelError.alreadyClosed, ChannelError.ioOnClosedChannel,
            ChannelError.inappropriateOperationForState:
            "the connection was closed"
        case NIOSSLError.handshakeFailed(let cause): "the TLS handshake failed: \(tls(cause))"
        case let error as NIOSSLExtraError: "the TLS certificate does not fit: \(error)"
        case NIOSSLError.uncleanShutdown: "the connection was closed"
        default: "\(error)"
        }
    }

    /// Whether the name of the host could not be resolved.
    package static func isUnresolved(_ error: any Error) -> Bool {
        guard let error = error as? NIOConnectionError else { return false }
        return error.connectionErrors.isEmpty && (error.dnsAError != nil || error.dnsAAAAError != nil)
    }

    private static func describe(_ error: NIOConnectionError) -> String {
        if isUnresolved(error) { return "the host name \(error.host) does not resolve" }
        return error.connectionErrors.first.map { describe($0.error) } ?? "no address of \(error.host) answered"
    }

    private static func tls(_ error: BoringSSLError) -> String {
        let text = "\(error)"
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return "the certificate is not trusted" }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") { return "the other side does not speak TLS" }
        return text
    }
}

extension String {
    fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}

extension SocketAddress {
    /// `127.0.0.1:8080`, `[::1]:8080`
    package var text: String {
        guard let address = ipAddress, let port else { return pathname ?? "an unknown address" }
        return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
