import Formats
import Foundation
import LogSupport
import Logging
import NIOConcurrencyHelpers
import TestKit
import Testing

/// Lines in the journal's own form, and as JSON.
@Suite struct JournalTests {
    /// A datagram socket that stands in for the journal.
    private struct Journal {
        let socket: DatagramSocket
        var path: String { socket.path }

        init(_ directory: TemporaryDirectory) throws { socket = try DatagramSocket(directory.path("s")) }

        /// nil where nothing is there.
        func next() -> [String: String]? {
            guard let text = socket.next(waits: false) else { return nil }
            var fields: [String: String] = [:]
            for line in text.split(separator: "\n") {
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
    }

    @Test func aJournalThatIsGoneLeavesTheConsole() throws {
        let directory = try TemporaryDirectory()
        var journal: Journal? = try Journal(directory)
        let socket = try #require(JournalSocket(path: directory.path("s"), program: "wsems"))
        let lines = LinesBox()
        let log = LogSystem(level: .info, journal: socket) { lines.add($0) }
        #expect(journal != nil)
        journal = nil
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
