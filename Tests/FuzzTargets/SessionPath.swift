import AlwaysOn
import AlwaysOnSession
import NIOCore

/// Both ends of a session and somebody between them who drops, repeats, changes and holds back what they send, against a
/// model of what each end has asked: every request is answered once, whatever happens, and nothing is kept beyond the limits.
///
/// The input is a program: an operation in a byte, and what it needs behind it.
struct SessionPath {
    private var edge: EdgeSession<Int>
    private var platform: PlatformSession<Int>
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    /// What is on its way, and what its receiver has not been given yet.
    private var toPlatform: [ByteBuffer] = []
    private var toEdge: [ByteBuffer] = []
    /// Tokens that wait for their response.
    private var open: Set<Int> = []
    private var lastToken = 0
    /// Requests that were handed out, to be answered later.
    private var askedOfEdge: [Header] = []
    private var askedOfPlatform: [Header] = []

    static func run(_ bytes: [UInt8]) {
        var path = SessionPath()
        var input = ByteBuffer(bytes: bytes)
        for _ in 0..<2000 {
            guard let operation = input.readInteger(as: UInt8.self) else { break }
            path.step(operation, &input)
        }
        path.end()
    }

    private init() {
        var limits = SessionLimits()
        limits.maximumMessageSize = 1 << 16
        limits.chunkSize = 512
        limits.maximumRequestsInFlight = 16
        limits.maximumRequestsInProcess = 16
        var edgeSettings = EdgeSession<Int>.Configuration()
        edgeSettings.limits = limits
        edge = EdgeSession(configuration: edgeSettings)
        var platformSettings = PlatformSession<Int>.Configuration()
        platformSettings.limits = limits
        platform = PlatformSession(configuration: platformSettings, now: now)
        perform(edge.connected(Auth(applicationKey: "k"), now: now))
    }

    private mutating func step(_ operation: UInt8, _ input: inout ByteBuffer) {
        switch operation & 15 {
        case 0, 1, 2: deliver(toTheEdge: operation & 16 != 0)
        case 3: request(byEdge: true, &input)
        case 4: request(byEdge: false, &input)
        case 5: answer(byEdge: operation & 16 != 0, &input)
        case 6:
            now = now + .milliseconds(Int64(input.readInteger(as: UInt16.self) ?? 0))
            for action in edge.tick(now) { perform(action) }
            for action in platform.tick(now) { perform(action) }
        case 7: change(inFlightTo: operation & 16 != 0) { $0.removeFirst() }
        case 8: change(inFlightTo: operation & 16 != 0) { if let first = $0.first, $0.count < 64 { $0.append(first) } }
        case 9: change(inFlightTo: operation & 16 != 0) { $0.swapAt(0, $0.count - 1) }
        case 10:
            let (place, mask) = (Int(input.readInteger(as: UInt8.self) ?? 0), input.readInteger(as: UInt8.self) ?? 1)
            change(inFlightTo: operation & 16 != 0) { messages in
                guard let byte = messages[0].getInteger(at: place, as: UInt8.self) else { return }
                messages[0].setInteger(byte ^ mask, at: place)
            }
        case 11:
            let length = Int(input.readInteger(as: UInt8.self) ?? 0)
            guard let bytes = input.readSlice(length: min(length, input.readableBytes)) else { return }
            if operation & 16 != 0 { toEdge.append(bytes) } else { toPlatform.append(bytes) }
        case 12: perform(edge.bind(Bind(names: ["T\(operation >> 4)"]), now: now))
        case 13: edge.pong()
        case 14: platform.heard(now: now)
        default: _ = (edge.takeRefusal(now: now), platform.takeRefusal(now: now))
        }
    }

    private mutating func change(inFlightTo edge: Bool, _ change: (inout [ByteBuffer]) -> Void) {
        if edge, !toEdge.isEmpty { change(&toEdge) } else if !edge, !toPlatform.isEmpty { change(&toPlatform) }
    }

    private mutating func deliver(toTheEdge: Bool) {
        if toTheEdge, !toEdge.isEmpty {
            perform(edge.received(toEdge.removeFirst(), now: now))
        } else if !toTheEdge, !toPlatform.isEmpty {
            perform(platform.received(toPlatform.removeFirst(), now: now))
        }
    }

    private mutating func request(byEdge: Bool, _ input: inout ByteBuffer) {
        lastToken += 1
        open.insert(lastToken)
        let length = Int(input.readInteger(as: UInt16.self) ?? 0) & 0x7FF
        let content = try? EncodedInfotable(Infotable("v", .string(String(repeating: "x", count: length))))
        let request = Request(.post, "T", .service, "S", content: content)
        if byEdge {
            perform(edge.request(request, token: lastToken, deadline: now + .seconds(10)))
        } else {
            perform(platform.request(request, token: lastToken, deadline: now + .seconds(10)))
        }
    }

    private mutating func answer(byEdge: Bool, _ input: inout ByteBuffer) {
        let response = Response.result(.integer(Int32(input.readInteger(as: UInt8.self) ?? 0)))
        if byEdge, !askedOfEdge.isEmpty {
            perform(edge.respond(response, to: askedOfEdge.removeFirst()))
        } else if !byEdge, !askedOfPlatform.isEmpty {
            perform(platform.respond(response, to: askedOfPlatform.removeFirst()))
        }
    }

    private mutating func perform(_ action: EdgeSession<Int>.Action) {
        switch action {
        case .send(let messages): toPlatform += messages.prefix(4096)
        case .perform(let header, _):
            askedOfEdge.append(header)
            guard askedOfEdge.count <= 16 else { fatalError("more requests are handed out than may be worked on") }
        case .complete(let token, _): complete(token)
        case .none, .ping, .online, .refused, .bindAnswered, .unbindAnswered, .close: break
        }
    }

    private mutating func perform(_ action: PlatformSession<Int>.Action) {
        switch action {
        case .send(let messages): toEdge += messages.prefix(4096)
        case .authenticate(let header, _): perform(platform.accept(header, session: 7))
        case .bind(let header, _), .unbind(let header, _): perform(platform.respond(Response(.success), to: header))
        case .perform(let header, _):
            askedOfPlatform.append(header)
            guard askedOfPlatform.count <= 16 else { fatalError("more requests are handed out than may be worked on") }
        case .complete(let token, _): complete(token)
        case .none, .close: break
        }
    }

    private mutating func complete(_ token: Int) {
        guard open.remove(token) != nil else { fatalError("request \(token) is answered twice, or was never made") }
    }

    /// The connection is lost: whoever waits is told.
    private mutating func end() {
        for action in edge.disconnected() { perform(action) }
        for action in platform.disconnected() { perform(action) }
        guard open.isEmpty else { fatalError("\(open.count) requests are never answered") }
    }
}
