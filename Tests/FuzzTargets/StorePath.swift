import AlwaysOn
import ChaosModel
import MessageStore
import NIOCore

/// A store whose files are any bytes, or those of a real one with some of them changed.
enum StorePath {
    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let disk = ModelFiles(seed: 1)
        let clock = ModelClock()
        if mode & 1 == 1 {
            let middle = bytes.count > 1 ? bytes.count * Int(bytes[1]) / 256 : 0
            disk.put("0000000000000001.seg", Array(bytes.dropFirst(2).prefix(middle)))
            disk.put("0000000000000001.ack", Array(bytes.dropFirst(2 + middle)))
        } else {
            prepare(disk, clock, isClosed: mode & 2 == 2)
            change(disk, bytes.dropFirst())
        }
        // What names repeats comes from strangers too.
        _ = MessageIdentity.parts(in: [.init(name: MessageIdentity.header, value: String(decoding: bytes.prefix(120), as: UTF8.self))])
        check(disk, clock)
    }

    private static func open(_ disk: ModelFiles, _ clock: ModelClock) -> SegmentLog {
        var limits = StoreLimits()
        limits.maximumAge = 1000
        // The same salts each time, so that an input does the same each time.
        do { return try SegmentLog(files: disk, clock: clock, ring: nil, limits: limits, random: { Array(repeating: 3, count: 16) }) } catch
        {
            fatalError("a store does not open: \(error)")
        }
    }

    private static func prepare(_ disk: ModelFiles, _ clock: ModelClock, isClosed: Bool) {
        let log = open(disk, clock)
        let new = (0..<30).map { NewMessage(key: "T\($0 % 3)", payload: ByteBuffer(string: "message \($0)"), time: clock.now) }
        _ = log.append(new)
        log.remove(Array(log.read(from: .init(), bytes: 300, isWanted: { _, _ in true }).messages))
        if isClosed { log.close() }
    }

    private static func change(_ disk: ModelFiles, _ bytes: ArraySlice<UInt8>) {
        let names = ((try? disk.names()) ?? []).sorted()
        var rest = bytes
        while rest.count >= 4, !names.isEmpty {
            let change = Array(rest.prefix(4))
            rest = rest.dropFirst(4)
            let name = names[Int(change[0]) % names.count]
            let size = disk.size(of: name)
            let offset = Int(change[1]) << 8 | Int(change[2])
            if change[0] & 0x80 != 0 {
                disk.shorten(name, to: min(offset, size))
            } else if size > 0 {
                disk.damage(name, at: offset % size, to: disk.bytes(of: name)[offset % size] ^ change[3])
            }
        }
    }

    private static func all(_ log: SegmentLog) -> [UInt64] {
        var numbers: [UInt64] = []
        var cursor = SegmentLog.Cursor()
        while true {
            let found = log.read(from: cursor, bytes: 500, isWanted: { $1 > numbers.last ?? 0 })
            numbers += found.messages.map(\.place.sequence)
            cursor = found.cursor
            if found.isAtEnd { return numbers }
        }
    }

    private static func check(_ disk: ModelFiles, _ clock: ModelClock) {
        let log = open(disk, clock)
        let before = all(log)
        precondition(zip(before, before.dropFirst()).allSatisfy { $0 < $1 }, "out of order: \(before)")
        precondition(log.messages == before.count, "\(log.messages) are counted, \(before.count) are there")
        guard case .success(let place) = log.append([NewMessage(key: "New", payload: ByteBuffer(string: "new"), time: clock.now)])[0] else {
            preconditionFailure("nothing can be stored")
        }
        log.close()
        let again = open(disk, clock)
        let after = all(again)
        precondition(after == before + [place.sequence], "\(before) became \(after)")
        clock.now.uptime += 10_000
        clock.now.wall += 10_000
        _ = again.expire()
        again.remove(again.read(from: .init(), bytes: .max, isWanted: { _, _ in true }).messages)
        precondition(again.messages == 0 && again.bytes == 0 && again.counts.isEmpty, "something stays")
    }
}
