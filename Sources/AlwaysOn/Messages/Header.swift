import NIOCore

/// The first 15 bytes of every message (alwayson.md §2).
public struct Header: Sendable, Equatable {
    /// Bytes of a header.
    public static let size = 15
    /// The version of the protocol that is spoken.
    public static let version: UInt8 = 1

    /// One of `Code`, or a response's `Status`.
    public var code: UInt8
    /// Joins a response to its request; unique among those in flight.
    public var requestID: UInt32
    /// Set by the platform's side to route; an edge copies it into its response and else sends 0.
    public var endpointID: UInt32
    /// The session that AUTH was answered with; `noSession` before.
    public var sessionID: UInt32

    /// A header of these fields.
    public init(code: UInt8, requestID: UInt32, endpointID: UInt32 = 0, sessionID: UInt32) {
        self.code = code
        self.requestID = requestID
        self.endpointID = endpointID
        self.sessionID = sessionID
    }

    /// What an edge sends before it has a session.
    public static let noSession: UInt32 = 0xFFFF_FFFF

    /// Whether the code is a method.
    public var isRequest: Bool { Method(rawValue: code) != nil }
    /// Whether the code is a status.
    public var isResponse: Bool { code >= 0x40 }

    /// A response to a message with this header.
    public func response(_ status: Status) -> Header {
        Header(code: status.rawValue, requestID: requestID, endpointID: endpointID, sessionID: sessionID)
    }
}

/// Message codes that are no responses.
public enum Code {
    /// Binds Things to this connection.
    public static let bind: UInt8 = 0x0A
    /// Takes them off it.
    public static let unbind: UInt8 = 0x0B
    /// Says who connects.
    public static let auth: UInt8 = 0x14
    /// Asks for nothing but an answer.
    public static let keepAlive: UInt8 = 0x1F
}

/// The code of a request.
public enum Method: UInt8, Sendable, CaseIterable {
    case get = 1
    case put = 2
    case post = 3
    case delete = 4
}

extension ByteBuffer {
    mutating func writeHeader(_ header: Header, isChunk: Bool = false) {
        writeMultipleIntegers(
            Header.version, header.code, header.requestID, header.endpointID, header.sessionID, isChunk ? 1 : 0 as UInt8
        )
    }
}

extension WireReader {
    /// - Throws: `WireError` for another version than 1 or a bad chunk flag.
    mutating func header() throws(WireError) -> (Header, isChunk: Bool) {
        let version: UInt8 = try integer()
        guard version == Header.version else {
            throw WireError("expected protocol version 1, found \(version)", offset: 0)
        }
        let header = Header(
            code: try integer(), requestID: try integer(), endpointID: try integer(), sessionID: try integer()
        )
        return (header, try flag("the multipart flag"))
    }
}
