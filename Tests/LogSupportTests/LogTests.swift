import Foundation
import Logging
import NIOConcurrencyHelpers
import TestKit
import Testing

@testable import LogSupport

@Suite struct LogTests {
    private let lines = NIOLockedValueBox<[String]>([])

    func system(_ level: Logger.Level = .info) -> LogSystem {
        let lines = lines
        return LogSystem(level: level) { line in lines.withLockedValue { $0.append(line) } }
    }

    private var written: [String] { lines.withLockedValue { $0 } }

    @Test func oneEventIsOneLineOfTheDocumentedForm() throws {
        let system = system()
        system.logger("part").info("a\nb\u{7}c é")
        let form = try Regex(#"^\[INFO\] \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} part: a\\nb\\u\{7\}c é\n$"#)
        #expect(try form.wholeMatch(in: #require(written.first)) != nil, "\(written)")
    }

    @Test func longLinesAreCutAtACharacter() {
        let system = system()
        system.longestLine = 10
        system.logger("m").warning("123456789é123")
        #expect(written.first?.hasSuffix("m: 123456789…\n") == true)
    }

    @Test("ems 61: files and console hold the same; two files within their room") func filesInTurn() throws {
        let directory = try TemporaryDirectory()
        var configuration = LogFiles.Configuration(directory: directory.path("logs"))
        configuration.storage = 8192
        let system = system()
        system.write(to: try LogFiles(configuration), from: .info)
        let logger = system.logger("m")
        for number in 0..<400 { logger.info("event \(number) \(String(repeating: "x", count: 50))") }
        system.close()
        let files = try (0...1).map { try directory.read("logs/ems_log_\($0).log") }
        #expect(files.allSatisfy { $0.utf8.count <= 4096 && $0.hasSuffix("\n") && $0.hasPrefix("[INFO] ") })
        let newest = files[0].contains("event 399") ? files[1] + files[0] : files[0] + files[1]
        let isEndOfConsole = written.joined().hasSuffix(newest)
        #expect(isEndOfConsole)
        // A next run goes on where this one stopped.
        system.write(to: try LogFiles(configuration), from: .info)
        logger.info("the next run")
        system.close()
        let again = try (0...1).map { try directory.read("logs/ems_log_\($0).log") }
        #expect(
            again.contains {
                $0.contains("event 399") && $0.hasSuffix("the next run\n") || $0.hasPrefix("[INFO]") && $0.contains("the next run")
            })
    }

    @Test func levelsOfConsoleAndFilesAreTheirOwn() throws {
        let directory = try TemporaryDirectory()
        let system = system(.error)
        let files = try LogFiles(.init(directory: directory.path("logs")))
        system.write(to: files, from: .debug)
        let logger = system.logger("m")
        logger.debug("for the file")
        logger.trace("for nobody")
        logger.error("for both")
        system.close()
        let text = try directory.read("logs/ems_log_0.log")
        #expect(text.contains("for the file") && text.contains("for both") && !text.contains("for nobody"))
        #expect(written.count == 1 && system.recent.map(\.message) == ["for both"])
        files.remove()
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("logs")).isEmpty)
    }

    @Test func aWarningIsInTheFileAtOnceAndTheRestWithinASecond() async throws {
        let directory = try TemporaryDirectory()
        let system = system()
        system.write(to: try LogFiles(.init(directory: directory.path("logs"))), from: .info)
        for (text, log) in [("urgent", { (logger: Logger) in logger.warning("urgent") }), ("idle", { $0.info("idle") })] {
            log(system.logger("m"))
            let until = ContinuousClock.now + .seconds(10)
            while try !directory.read("logs/ems_log_0.log").contains(text), .now < until { await Task.yield() }
            #expect(try directory.read("logs/ems_log_0.log").contains(text))
        }
        system.close()
    }

    @Test func theNewestEventsAreKept() {
        let system = system(.debug)
        let logger = system.logger("m")
        for number in 0..<1500 { logger.debug("\(number)") }
        #expect(system.recent.count == LogSystem.ringCapacity)
        #expect(system.recent.first?.message == "500" && system.recent.last?.message == "1499")
    }

    @Test func auditEventsGoToTheirTargetToo() {
        let system = system(.error)
        let events = NIOLockedValueBox<[String]>([])
        system.sendAudit { entry in events.withLockedValue { $0.append(entry.message) } }
        system.logger("m").log(level: .audit, "bound")
        system.logger("m").error("not an audit event")
        #expect(events.withLockedValue { $0 } == ["bound"])
        #expect(written.count == 2 && written[0].hasPrefix("[AUDIT] "))
    }

    @Test func aDirectoryThatCannotBeMadeIsNamed() throws {
        let directory = try TemporaryDirectory()
        try directory.write("file", "")
        do {
            _ = try LogFiles(.init(directory: directory.path("file/logs")))
            Issue.record("made a directory below a file")
        } catch {
            #expect(error.description == "cannot make the directory \(directory.path("file/logs")): Not a directory")
        }
    }
}
