import NIOCore

/// The answer to any message (alwayson.md §3).
public struct Response: Sendable, Equatable {
    /// What became of the request.
    public var status: Status
    /// Why a request failed, for a person.
    public var reason: String?
    /// The result, as an infotable; nil where there is none.
    public var content: EncodedInfotable?
    /// Not on the wire: how this end came by the response.
    public var origin = Origin.peer

    /// Who gave the answer.
    public enum Origin: Sendable {
        /// Somebody worked on the request.
        case peer
        /// Made by this end because no answer came: the request may have been worked on or not.
        case unanswered
        /// The request is kept, to be delivered later.
        case stored
    }

    /// What stands for the answer that did not come.
    public static func unanswered(_ status: Status, reason: String) -> Response {
        var response = Response(status, reason: reason)
        response.origin = .unanswered
        return response
    }

    /// - Parameters:
    ///   - status: what became of the request.
    ///   - reason: one sentence for people, which travels as the response's reason (alwayson.md §3).
    ///   - content: the result.
    public init(_ status: Status, reason: String? = nil, content: EncodedInfotable? = nil) {
        self.status = status
        self.reason = reason
        self.content = content
    }

    /// Success with a table; 4.13 where it is more than a message may hold.
    public static func success(_ table: Infotable) -> Response {
        do throws(WireError) { return Response(.success, content: try EncodedInfotable(table)) } catch {
            return Response(error.status, reason: "the result cannot be sent: \(error.message)")
        }
    }

    /// A single value under the name `result`.
    public static func result(_ value: Value) -> Response { .success(Infotable("result", value)) }

    init(status: Status, from reader: inout WireReader) throws(WireError) {
        self.status = status
        // SDK clients write a response without a body where nothing is to be said.
        guard reader.remaining > 0 else { return }
        if try reader.flag("the reason flag") { reason = try reader.string() }
        content = try reader.content()
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeWireFlag(reason != nil)
        if let reason { buffer.writeWireString(reason) }
        buffer.writeContent(content)
    }

    /// The reason, also where a peer put it into a content field of that name (alwayson.md §3, quirk).
    public var reasonText: String? {
        if let reason { return reason }
        guard !status.isSuccess else { return nil }
        return content?.decoded().first("reason")?.stringValue
    }
}
