package import NIOCore

/// Takes a request's body as it comes, so that it is never whole in memory. Called on the connection's event loop.
package protocol HTTPBodySink: Sendable, AnyObject {
    /// The client is read again when the future is there. Failed, with a `HTTPRefusal` for choice, the rest is not read.
    func take(_ piece: ByteBuffer) -> EventLoopFuture<Void>

    /// The body is whole: what is answered.
    func finish() -> EventLoopFuture<HTTPResponse>

    /// The body will not come whole.
    func abandon()
}

/// An answer in place of what was asked for.
package struct HTTPRefusal: Error {
    package let response: HTTPResponse

    package init(_ response: HTTPResponse) { self.response = response }
}
