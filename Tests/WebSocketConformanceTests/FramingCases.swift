/// Framing, masking, fragmentation and control frames: RFC 6455 §5.
enum FramingCases {
    static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: 0x20 + $0 % 0x5F) } }

    static var all: [Case] { lengths + reserved + fragmentation + control + limits }

    private static var lengths: [Case] {
        [0, 1, 2, 124, 125, 126, 127, 128, 1000, 65_534, 65_535, 65_536, 65_537].flatMap { count in
            [RawFrame.text, RawFrame.binary].flatMap { opcode in
                [nil, 1, 997].filter { $0 != 1 || count < 2000 }.map { chop in
                    Case(
                        "5.2", "a message of \(count) bytes, opcode \(opcode)", [RawFrame(opcode, bytes(count))],
                        [.message(opcode: opcode, bytes(count))], chop: chop)
                }
            }
        }
    }

    private static var reserved: [Case] {
        let opcodes: [UInt8] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]
        return opcodes.flatMap { opcode in
            [[], bytes(5)].map { Case("5.2", "reserved opcode \(opcode) with \($0.count) bytes", [RawFrame(opcode, $0)], [.close(1002)]) }
        }
            + (1...7).flatMap { (bits: UInt8) in
                [RawFrame.text, RawFrame.binary, RawFrame.ping, RawFrame.pong, RawFrame.close].map {
                    Case("5.2", "reserved bits \(bits) on opcode \($0)", [RawFrame($0, reserved: bits)], [.close(1002)])
                }
            }
            + (1...7).map { (bits: UInt8) in
                Case(
                    "5.2", "reserved bits \(bits) on a continuation",
                    [RawFrame(RawFrame.text, bytes(3), fin: false), RawFrame(RawFrame.continuation, reserved: bits)], [.close(1002)])
            }
    }

    private static var fragmentation: [Case] {
        let (text, binary, continuation, ping) = (RawFrame.text, RawFrame.binary, RawFrame.continuation, RawFrame.ping)
        var cases: [Case] = []
        for opcode in [text, binary] {
            for pieces in [2, 3, 10, 100] {
                let piece = bytes(7)
                let frames = (0..<pieces).map { RawFrame($0 == 0 ? opcode : continuation, piece, fin: $0 == pieces - 1) }
                let whole = Answer.message(opcode: opcode, Array(repeatElement(piece, count: pieces).joined()))
                cases.append(Case("5.4", "opcode \(opcode) in \(pieces) fragments", frames, [whole]))
                cases.append(Case("5.4", "opcode \(opcode) in \(pieces) fragments", frames, [whole], chop: 1))
                let pinged = Array(frames.map { [$0] }.joined(separator: [RawFrame(ping, [1])]))
                cases.append(
                    Case(
                        "5.4", "opcode \(opcode) in \(pieces) fragments with pings between", pinged,
                        Array(repeating: .pong([1]), count: pieces - 1) + [whole]))
            }
            cases += [
                Case(
                    "5.4", "empty fragments of opcode \(opcode)",
                    [RawFrame(opcode, fin: false), RawFrame(continuation, fin: false), RawFrame(continuation)],
                    [.message(opcode: opcode, [])]),
                Case(
                    "5.4", "an empty last fragment of opcode \(opcode)", [RawFrame(opcode, bytes(4), fin: false), RawFrame(continuation)],
                    [.message(opcode: opcode, bytes(4))]),
                Case(
                    "5.4", "opcode \(opcode) inside a message", [RawFrame(text, bytes(1), fin: false), RawFrame(opcode, bytes(1))],
                    [.close(1002)]),
                Case(
                    "5.4", "opcode \(opcode) that begins inside a message",
                    [RawFrame(binary, bytes(1), fin: false), RawFrame(opcode, bytes(1), fin: false)], [.close(1002)]),
                Case(
                    "5.4", "two messages of opcode \(opcode) in one read", [RawFrame(opcode, [65]), RawFrame(opcode, [66])],
                    [.message(opcode: opcode, [65]), .message(opcode: opcode, [66])]),
            ]
        }
        for fin in [true, false] {
            cases.append(Case("5.4", "a continuation of nothing, fin \(fin)", [RawFrame(continuation, bytes(3), fin: fin)], [.close(1002)]))
            cases.append(
                Case(
                    "5.4", "a continuation after a whole message, fin \(fin)",
                    [RawFrame(text, [65]), RawFrame(continuation, [66], fin: fin)], [.message(opcode: text, [65]), .close(1002)]))
        }
        return cases
    }

    private static var control: [Case] {
        let (ping, pong, close, text) = (RawFrame.ping, RawFrame.pong, RawFrame.close, RawFrame.text)
        var cases: [Case] = []
        for count in [0, 1, 2, 63, 124, 125] {
            for chop in [nil, 1] {
                cases.append(Case("5.5.2", "a ping of \(count) bytes", [RawFrame(ping, bytes(count))], [.pong(bytes(count))], chop: chop))
                cases.append(
                    Case(
                        "5.5.3", "an unasked pong of \(count) bytes", [RawFrame(pong, bytes(count)), RawFrame(ping, [1])], [.pong([1])],
                        chop: chop))
            }
        }
        cases.append(Case("5.5.2", "pings in a row", (0..<10).map { RawFrame(ping, [$0]) }, (0..<10).map { .pong([$0]) }))
        cases.append(Case("5.5.2", "a ping of arbitrary bytes", [RawFrame(ping, [0, 0xFF, 0xFE])], [.pong([0, 0xFF, 0xFE])]))
        for opcode in [ping, pong, close] {
            cases.append(Case("5.5", "opcode \(opcode) in fragments", [RawFrame(opcode, [3, 232], fin: false)], [.close(1002), .closed]))
            for count in [126, 127, 1000, 65_536] {
                cases.append(Case("5.5", "opcode \(opcode) of \(count) bytes", [RawFrame(opcode, bytes(count))], [.close(1002), .closed]))
            }
        }
        cases += [
            Case(
                "5.5.1", "nothing after a close", [RawFrame(close, [3, 232]), RawFrame(ping, [1]), RawFrame(text, [65])],
                [.close(1000), .closed]),
            Case(
                "5.5.1", "a close inside a message", [RawFrame(text, [65], fin: false), RawFrame(close, [3, 232])], [.close(1000), .closed]),
            Case(
                "5.5.1", "a message before a close", [RawFrame(text, [65]), RawFrame(close, [3, 232])],
                [.message(opcode: text, [65]), .close(1000), .closed]),
            Case("5.5.1", "a second close", [RawFrame(close, [3, 232]), RawFrame(close, [3, 232])], [.close(1000), .closed]),
            Case("7.1.2", "a close after a violation", [RawFrame(3), RawFrame(close, [3, 234])], [.close(1002), .closed]),
            Case("7.1.7", "data after a violation", [RawFrame(3), RawFrame(text, [65]), RawFrame(ping)], [.close(1002)]),
        ]
        return cases
    }

    private static var limits: [Case] {
        let (text, binary, continuation) = (RawFrame.text, RawFrame.binary, RawFrame.continuation)
        let limit = Bench.limit
        return [text, binary].flatMap { opcode in
            [
                Case(
                    "10.4", "the longest message, opcode \(opcode)", [RawFrame(opcode, bytes(limit))],
                    [.message(opcode: opcode, bytes(limit))]),
                Case("10.4", "a frame over the limit, opcode \(opcode)", [RawFrame(opcode, bytes(limit + 1))], [.close(1009), .closed]),
                Case(
                    "10.4", "fragments up to the limit, opcode \(opcode)",
                    [RawFrame(opcode, bytes(limit - 1), fin: false), RawFrame(continuation, [65])],
                    [.message(opcode: opcode, bytes(limit - 1) + [65])]),
                Case(
                    "10.4", "fragments over the limit, opcode \(opcode)",
                    [RawFrame(opcode, bytes(limit), fin: false), RawFrame(continuation, [65])], [.close(1009)]),
            ]
        }
    }
}
