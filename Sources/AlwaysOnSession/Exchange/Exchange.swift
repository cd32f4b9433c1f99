import AlwaysOn
import NIOCore

/// What both ends of a session share: reading messages and chunks, matching responses to requests, strikes for what
/// cannot be read.
///
/// - Parameter Context: what the owner wants back with a response.
struct Exchange<Context> {
    enum Incoming {
        case nothing
        case message(Message)
        case answered(Context, Response)
        /// A request could not be read; this is to be sent.
        case reply([ByteBuffer])
        case close(CloseReason)
    }

    /// What becomes of a message that is to be sent.
    enum Submission {
        case send([ByteBuffer])
        /// It was not sent, and this is what its caller is answered.
        case rejected(Context, Response)
    }

    let limits: SessionLimits
    private(set) var counters = SessionCounters()
    var lastRequestID: UInt32 { requests.lastID }
    private var requests = RequestsInFlight<Context>()
    private var chunks: ChunkAssembler
    private var strikes = 0
    /// Requests of the peer without their answer yet, and the bytes of the long ones among them.
    private var inProcess = 0
    private var longInProcess: [UInt32: Int] = [:]
    /// Requests of fewer bytes are counted by their number alone.
    private static var longFrom: Int { 16_384 }
    private var refusals = RefusalLog()

    init(limits: SessionLimits) {
        self.limits = limits
        chunks = ChunkAssembler(limits: limits)
    }

    /// When `expire` next has something to do, at the earliest.
    var nextDeadline: NIODeadline { min(requests.earliestDeadline, chunks.earliestDeadline, refusals.nextDeadline) }

    /// What is to be said in the log about refusals, once a second at most.
    mutating func takeRefusal(now: NIODeadline) -> String? { refusals.take(now: now) }

    // MARK: Receiving

    mutating func receive(_ bytes: ByteBuffer, now: NIODeadline) -> Incoming {
        guard bytes.readableBytes <= limits.maximumMessageSize else {
            return .close(.init(.messageTooLarge, "a message of \(bytes.readableBytes) bytes, \(limits.maximumMessageSize) are accepted"))
        }
        do {
            switch try Packet(decoding: bytes, limits: limits.input) {
            case .message(let message): return accept(message)
            case .chunk(let chunk):
                switch chunks.add(chunk, now: now) {
                case .incomplete:
                    strikes = 0
                    return .nothing
                case .complete(let whole): return accept(try Message(decoding: whole, limits: limits.input))
                case .refused(let status, let reason):
                    counters.droppedChunkSets += 1
                    refusals.note("chunks of message \(chunk.header.requestID) were refused with \(status): \(reason)")
                    return reply(to: chunk.header, status, reason)
                }
            }
        } catch let error as WireError {
            return refuse(bytes, error)
        } catch {
            return refuse(bytes, WireError("\(error)", offset: 0))
        }
    }

    private mutating func accept(_ message: Message) -> Incoming {
        strikes = 0
        guard case .response(let response) = message.body else { return admit(message) }
        guard let context = requests.remove(message.header.requestID) else {
            counters.unmatchedResponses += 1
            refusals.note("response \(message.header.requestID) answers no request, or one that has timed out")
            return .nothing
        }
        return .answered(context, response)
    }

    private mutating func admit(_ message: Message) -> Incoming {
        guard case .request(let request) = message.body else { return .message(message) }
        guard inProcess < limits.maximumRequestsInProcess, keepLong(request, message.header.requestID) else {
            counters.overloads += 1
            refusals.note(
                "request \(message.header.requestID) was refused with \(Status.serviceUnavailable): \(inProcess) are worked on already")
            return reply(to: message.header, .serviceUnavailable, "\(inProcess) requests are worked on already")
        }
        inProcess += 1
        return .message(message)
    }

    /// Room for the content of a long request until it is answered.
    private mutating func keepLong(_ request: Request, _ id: UInt32) -> Bool {
        guard let size = request.content?.bytes.readableBytes, size >= Exchange.longFrom else { return true }
        // An id that is in use is the peer's mistake; its first request is answered all the same.
        guard longInProcess[id] == nil, limits.incomplete.take(size) else { return false }
        longInProcess[id] = size
        return true
    }

    /// The messages that answer a request which was handed out.
    mutating func answer(_ response: Response, to header: Header) -> [ByteBuffer] {
        if header.isRequest { inProcess -= 1 }
        if !longInProcess.isEmpty, let size = longInProcess.removeValue(forKey: header.requestID) { limits.incomplete.give(size) }
        return encode(response, to: header)
    }

    private mutating func refuse(_ bytes: ByteBuffer, _ error: WireError) -> Incoming {
        counters.unreadable += 1
        // A message that costs too much is its sender's mistake alone, and no sign that the peer writes nonsense.
        if !error.isLimit { strikes += 1 }
        refusals.note("a message could not be read and was refused with \(error.status): \(error)")
        guard error.isLimit || strikes < limits.maximumStrikes else {
            return .close(.init(.invalidData, "\(strikes) messages in a row could not be read, the last one \(error)"))
        }
        guard let header = Packet.header(of: bytes) else { return .nothing }
        // A request whose answer cannot be read fails now and not at its timeout.
        if header.isResponse, let context = requests.remove(header.requestID) {
            return .answered(context, Response(.badGateway, reason: "the answer could not be read: \(error)"))
        }
        return reply(to: header, error.status, "the request could not be read: \(error)")
    }

    private func reply(to header: Header, _ status: Status, _ reason: String) -> Incoming {
        guard header.isRequest else { return .nothing }
        return .reply(encode(Response(status, reason: reason), to: header))
    }

    // MARK: Sending

    /// Encodes a message that wants an answer.
    mutating func send(
        code: UInt8, session: UInt32, body: Message.Body, context: Context, deadline: NIODeadline, isControl: Bool = false
    ) -> Submission {
        guard isControl || requests.count < limits.maximumRequestsInFlight else {
            counters.overloads += 1
            refusals.note("a request was refused with \(Status.serviceUnavailable): \(requests.count) are waiting for their answer already")
            return .rejected(
                context, .unanswered(.serviceUnavailable, reason: "\(requests.count) requests are waiting for their answer already"))
        }
        let id = requests.add(context, deadline: deadline)
        let message = Message(header: Header(code: code, requestID: id, sessionID: session), body: body)
        do {
            return .send(try encode(message))
        } catch {
            _ = requests.remove(id)
            return .rejected(context, Response(error.status, reason: error.message))
        }
    }

    /// The messages of a response: one, or its chunks. One that is too long becomes 4.13.
    func encode(_ response: Response, to header: Header) -> [ByteBuffer] {
        func message(_ response: Response) -> Message {
            Message(header: header.response(response.status), body: .response(response))
        }
        do {
            return try encode(message(response))
        } catch {
            return [message(Response(error.status, reason: error.message)).encoded()]
        }
    }

    private func encode(_ message: Message) throws(WireError) -> [ByteBuffer] {
        let bytes = message.encoded()
        guard bytes.readableBytes <= limits.maximumMessageSize else {
            throw WireError(
                "a message of \(bytes.readableBytes) bytes, \(limits.maximumMessageSize) may be sent", status: .entityTooLarge, offset: 0)
        }
        guard bytes.readableBytes > limits.chunkSize - limits.chunkReserve, message.header.isRequest || message.header.isResponse else {
            return [bytes]
        }
        do { return try Chunk.split(bytes, size: limits.chunkSize, reserve: limits.chunkReserve) } catch {
            throw error as? WireError ?? WireError("\(error)", offset: 0)
        }
    }

    // MARK: Time

    mutating func expire(_ now: NIODeadline) -> (overdue: [Context], replies: [ByteBuffer]) {
        let overdue = requests.expire(now)
        counters.timeouts += overdue.count
        let stale = chunks.expire(now)
        counters.droppedChunkSets += stale.count
        if !stale.isEmpty { refusals.note("\(stale.count) messages whose chunks did not all come were dropped") }
        let replies = stale.filter(\.isRequest).flatMap {
            encode(Response(.gatewayTimeout, reason: "chunks of the request are missing"), to: $0)
        }
        return (overdue, replies)
    }

    mutating func removeAll() -> [Context] {
        chunks.removeAll()
        limits.incomplete.give(longInProcess.values.reduce(0, +))
        longInProcess = [:]
        return requests.removeAll()
    }
}

/// Why this end closes a connection: a WebSocket status code (RFC 6455 §7.4) and a sentence for the log.
package struct CloseReason: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: UInt16, Sendable {
        case normal = 1000
        case goingAway = 1001
        case protocolError = 1002
        case invalidData = 1007
        case policyViolation = 1008
        case messageTooLarge = 1009
        case internalError = 1011
    }

    package let code: Code
    package let text: String

    package init(_ code: Code, _ text: String) {
        self.code = code
        self.text = text
    }

    package var description: String { text }
}
