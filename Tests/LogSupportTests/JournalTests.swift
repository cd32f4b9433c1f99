import Formats
import Foundation
import Glibc
import LogSupport
import Logging
import NIOConcurrencyHelpers
import TestKit
import Testing

/// Lines in the journal's own form, and as JSON.
@Suite struct JournalTests {
    /// A datagram socket that stands in for the journal.
    private struct Journal {
        let file: Int32
        let path: String

        init(_ directory: TemporaryDirectory) throws {
            path = directory.path("s")
            file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let status = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
            try #require(status == 0)
        }

        /// nil where nothing is there.
        func next() -> [String: String]? {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(file, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return nil }
            var fields: [String: String] = [:]
            for line in String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n") {
                let pair = line.split(separator: "=", maxSplits: 1)
                fields[String(pair[0])] = pair.count == 2 ? String(pair[1]) : ""
            }
            return fields
        }
    }

    @Test func entriesHaveFields() throws {
        let directory = try TemporaryDirectory()
        let journal = try Journal(directory)
        let log = LogSystem(level: .info, journal: JournalSocket(path: journal.path, program: "wsems")) { _ in
            Issue.record("a line for the console")
        }
        log.logger("gateway\nPRIORITY=0").warning("a line\nMESSAGE=forged")
        log.logger("gateway").log(level: .audit, "bound T1")
        let first = try #require(journal.next())
        #expect(first["MESSAGE"] == "a line\\nMESSAGE=forged" && first["PRIORITY"] == "4" && first["SYSLOG_IDENTIFIER"] == "wsems")
        #expect(first["THINGWORX_MODULE"] == "gateway\\nPRIORITY=0" && first["THINGWORX_LEVEL"] == "WARN" && first["TID"] != nil)
        #expect(journal.next()?["PRIORITY"] == "5")
        close(journal.file)
    }

    @Test("a journal that takes nothing holds nobody up, and what was lost is told") func aFullJournal() throws {
        let directory = try TemporaryDirectory()
        let journal = try Journal(directory)
        let log = LogSystem(level: .info, journal: JournalSocket(path: journal.path, program: "wsems")) { _ in
            Issue.record("a line for the console")
        }
        let logger = log.logger("m")
        // More than the system keeps for a datagram socket.
        for number in 0..<2000 { logger.info("\(number) \(String(repeating: "x", count: 1000))") }
        var got = 0
        while journal.next() != nil { got += 1 }
        #expect(got > 0 && got < 2000)
        logger.info("again")
        let next = try #require(journal.next())
        #expect(next["MESSAGE"] == "again (before this, \(2000 - got) lines were lost: the journal took none)")
        logger.info("and on")
        #expect(journal.next()?["MESSAGE"] == "and on")
        close(journal.file)
    }

    @Test func aJournalThatIsGoneLeavesTheConsole() throws {
        let directory = try TemporaryDirectory()
        let journal = try Journal(directory)
        let lines = LinesBox()
        let log = LogSystem(level: .info, journal: JournalSocket(path: journal.path, program: "wsems")) { lines.add($0) }
        close(journal.file)
        log.logger("m").info("still here")
        #expect(lines.all.count == 1 && lines.all.first?.hasSuffix("m: still here\n") == true)
        #expect(JournalSocket(path: directory.path("nobody"), program: "wsems") == nil)
        #expect(JournalSocket(path: String(repeating: "l", count: 200), program: "wsems") == nil)
    }

    @Test func linesAsJSON() throws {
        let lines = LinesBox()
        let log = LogSystem(level: .debug) { lines.add($0) }
        log.format = .json
        log.logger("gate\"way").debug("one \u{1B}[31m\ntwo \"three\"")
        let line = try #require(lines.all.first)
        let json = try JSONValue(parsing: line)
        #expect(json["level"]?.string == "DEBUG" && json["module"]?.string == "gate\"way" && line.filter { $0 == "\n" }.count == 1)
        #expect(json["message"]?.string == "one \\u{1b}[31m\\ntwo \"three\"")
        #expect(json["time"]?.string?.hasSuffix("Z") == true)
        log.format = .text
        log.logger("m").info("as ever")
        #expect(lines.all.last?.hasPrefix("[INFO] ") == true)
        #expect(log.counts.first { $0.0 == .info }?.1 == 1)
    }
}

private final class LinesBox: Sendable {
    private let box = NIOLockedValueBox<[String]>([])
    var all: [String] { box.withLockedValue { $0 } }
    func add(_ line: String) { box.withLockedValue { $0.append(line) } }
}
