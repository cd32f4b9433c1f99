import AlwaysOn
import Foundation
import NIOCore
import TestKit
import Testing

/// A socket that says what no client of ours would, and reads only when it is told to.
final class HostilePeer: @unchecked Sendable {
    private let descriptor: Int32
    private var received = ByteBuffer()

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isOpen = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
        guard isOpen else { throw Program.Failure(description: "cannot connect to \(port): \(String(cString: strerror(errno)))") }
        setReadTimeout(20)
    }

    /// Seconds after which nothing more is awaited; 0: never.
    func setReadTimeout(_ seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// An AlwaysOn connection, authenticated where a key is given.
    static func edge(port: Int, key: String?, headers: String = "") throws -> HostilePeer {
        let peer = try HostilePeer(port: port)
        peer.write(
            text:
                "GET /Thingworx/WS HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(headers)\r\n"
        )
        guard peer.readHead().hasPrefix("HTTP/1.1 101") else { throw Program.Failure(description: "no upgrade") }
        guard let key else { return peer }
        peer.send(
            Message(header: Header(code: Code.auth, requestID: 1, sessionID: Header.noSession), body: .auth(Auth(applicationKey: key))))
        guard let answer = peer.message(), answer.header.code == 0x40 else { throw Program.Failure(description: "AUTH was not accepted") }
        return peer
    }

    /// Ends the connection in both directions, whoever reads from it.
    func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    // MARK: Writing

    /// - Returns: whether all of it could be written; a peer that no longer reads or has closed stops it after a while.
    @discardableResult
    func write(_ bytes: [UInt8], withinSeconds seconds: Int32 = 5) -> Bool {
        var sent = 0
        while sent < bytes.count {
            var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&place, 1, seconds * 1000) == 1, place.revents & Int16(POLLERR | POLLHUP) == 0 else { return false }
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0, errno == EAGAIN { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func write(text: String) -> Bool { write(Array(text.utf8)) }

    /// A masked frame, its mask zero as SDK clients have it.
    static func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var head: [UInt8] = [0x80 | opcode]
        switch payload.count {
        case ..<126: head.append(0x80 | UInt8(payload.count))
        case ..<65_536: head += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: head += [0x80 | 127] + (0..<8).reversed().map { UInt8(payload.count >> ($0 * 8) & 255) }
        }
        return head + [0, 0, 0, 0] + payload
    }

    @discardableResult
    func send(_ message: Message) -> Bool { write(HostilePeer.frame(2, Array(message.encoded().readableBytesView))) }

    @discardableResult
    func send(raw message: [UInt8]) -> Bool { write(HostilePeer.frame(2, message)) }

    // MARK: Reading

    private func fill() -> Bool {
        var block = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(descriptor, &block, block.count)
        if count > 0 { received.writeBytes(block[..<count]) }
        return count > 0
    }

    func readHead() -> String {
        while true {
            let text = String(decoding: received.readableBytesView, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                received.moveReaderIndex(forwardBy: text[..<end.upperBound].utf8.count)
                return String(text[..<end.upperBound])
            }
            guard fill() else { return text }
        }
    }

    /// Whether a text comes before the connection ends.
    func read(until text: String) -> Bool {
        while !String(decoding: received.readableBytesView, as: UTF8.self).contains(text) { guard fill() else { return false } }
        return true
    }

    func readToEnd() -> String {
        while fill() {}
        return String(decoding: received.readableBytesView, as: UTF8.self)
    }

    /// The next whole message; nil at the end of the connection, or when none comes.
    func message() -> Message? {
        while true {
            var rest = received
            if let payload = HostilePeer.payload(&rest) {
                received = rest
                if let payload, let message = try? Message(decoding: payload) { return message }
                continue
            }
            guard fill() else { return nil }
        }
    }

    /// The payload of a binary frame, `.some(nil)` for another frame; nil where the frame is not whole.
    private static func payload(_ bytes: inout ByteBuffer) -> ByteBuffer?? {
        guard let head = bytes.readInteger(as: UInt8.self), let second = bytes.readInteger(as: UInt8.self) else { return nil }
        var length = Int(second & 0x7F)
        if length == 126 {
            guard let long = bytes.readInteger(as: UInt16.self) else { return nil }
            length = Int(long)
        } else if length == 127 {
            guard let long = bytes.readInteger(as: UInt64.self) else { return nil }
            length = Int(long)
        }
        guard let payload = bytes.readSlice(length: length) else { return nil }
        return .some(head & 15 == 2 ? payload : nil)
    }

    /// Sends a request and reads its answer, answering what the platform asks meanwhile with 4.04.
    func ask(_ request: Request, id: UInt32 = 9) -> Response? {
        send(Message(header: Header(code: request.method.rawValue, requestID: id, sessionID: 7), body: .request(request)))
        return answer(to: id)
    }

    func answer(to id: UInt32) -> Response? {
        while let message = message() {
            switch message.body {
            case .response(let response) where message.header.requestID == id: return response
            case .request: send(Message(header: message.header.response(.notFound), body: .response(Response(.notFound))))
            default: break
            }
        }
        return nil
    }
}

extension Program {
    /// - Parameter name: of a line of its status that is in KiB.
    func kibibytes(_ name: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
}

/// A process under attack: what it takes meanwhile, and whether it still serves others.
struct Victim {
    let program: Program

    /// Runs the attack on a thread of its own, and plain requests beside it until it is over.
    /// - Returns: how much more memory than before was taken at most, in MiB, and how long the slowest request took.
    func under(
        _ attack: @escaping @Sendable () throws -> Void, meanwhile request: @escaping @Sendable () async throws -> Void
    ) async throws -> (mebibytes: Int, slowest: Duration) {
        try await request()
        let idle = try program.kibibytes("VmRSS")
        try "5".write(toFile: "/proc/\(program.pid)/clear_refs", atomically: false, encoding: .utf8)
        let attacking = Task.detached { try await Hostile.onThread(attack) }
        let isOver = Flag()
        Task.detached {
            _ = await attacking.result
            isOver.raise()
        }
        var slowest = Duration.zero
        repeat {
            let start = ContinuousClock.now
            try await request()
            slowest = max(slowest, ContinuousClock.now - start)
        } while !isOver.isRaised
        try await attacking.value
        let start = ContinuousClock.now
        try await request()
        slowest = max(slowest, ContinuousClock.now - start)
        let taken = (try program.kibibytes("VmHWM") - idle) / 1024
        if ProcessInfo.processInfo.environment["EDGE_BIN"] != nil {
            print("==> \(Test.current?.name ?? ""): \(program.name) took \(taken) MiB, a plain request at most \(slowest)")
        }
        return (taken, slowest)
    }
}

private final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    var isRaised: Bool { lock.withLock { value } }
    func raise() { lock.withLock { value = true } }
}
