import CSpawn
import Foundation
import NIOConcurrencyHelpers

/// A program of ours as a process: its output arrives line by line and can be awaited.
public final class Program: Sendable {
    private struct State {
        var lines: [String] = []
        var partial: [UInt8] = []
        var waiters: [UUID: Waiter] = [:]
        /// Known once the process has ended and all that it wrote has been read.
        var exit: Int32?
        var exitWaiters: [CheckedContinuation<Int32, Never>] = []
    }

    private struct Waiter {
        let from: Int
        let matches: @Sendable (String) -> Bool
        let continuation: CheckedContinuation<String?, Never>
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    private let state = NIOLockedValueBox(State())
    public let name: String
    public let pid: Int32

    /// Starts the program.
    ///
    /// Not with Foundation's `Process`: it learns of an end from a socket that other programs inherit when
    /// several start at once, and then never learns of it.
    public init(
        _ path: String, _ arguments: [String], in directory: String, input: String? = nil, environment: [String: String] = [:]
    ) throws {
        name = (path as NSString).lastPathComponent
        let (input, output) = (try Program.file(holding: input ?? ""), try Program.pipe())
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        pid = try Program.spawn(path, arguments, in: directory, environment: all, input: input, output: output.write)
        close(input)
        close(output.write)
        Thread { [weak self, pid] in Program.watch(pid, output.read) { self } }.start()
    }

    deinit { signal(SIGKILL) }

    public var lines: [String] { state.withLockedValue { $0.lines } }
    public var output: String { lines.joined(separator: "\n") }
    /// A place in the output: what comes after it can be awaited.
    public var mark: Int { state.withLockedValue { $0.lines.count } }

    // MARK: Awaiting

    /// The first line after `mark` that holds `text`.
    /// - Throws: when none came in time, with the program's output.
    @discardableResult
    public func line(containing text: String, after mark: Int = 0, within seconds: Double = 60) async throws -> String {
        try await line(after: mark, within: seconds, what: text) { $0.contains(text) }
    }

    public func line(
        after mark: Int = 0, within seconds: Double = 60, what: String, _ matches: @escaping @Sendable (String) -> Bool
    ) async throws -> String {
        let id = UUID()
        let timeout = DispatchWorkItem { [weak self] in self?.giveUp(id) }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: timeout)
        let line = await withCheckedContinuation { continuation in
            let found = state.withLockedValue { state -> String?? in
                if let line = state.lines.dropFirst(mark).first(where: matches) { return line }
                if state.exit != nil { return .some(nil) }
                state.waiters[id] = Waiter(from: mark, matches: matches, continuation: continuation)
                return nil
            }
            if let found { continuation.resume(returning: found) }
        }
        timeout.cancel()
        guard let line else { throw Failure(description: "\(name) did not say \"\(what)\" within \(seconds) s:\n\(output)") }
        return line
    }

    /// The port that the program says it listens on.
    public func port(within seconds: Double = 60) async throws -> Int {
        let line = try await line(after: 0, within: seconds, what: "listening on") { $0.contains("listening on http") }
        let url = line[line.range(of: "://")!.upperBound...]
        guard let colon = url.firstIndex(of: ":"), let port = Int(url[url.index(after: colon)...].prefix { $0.isNumber }) else {
            throw Failure(description: "no port in: \(line)")
        }
        return port
    }

    public func exitStatus() async -> Int32 {
        await withCheckedContinuation { continuation in
            let known = state.withLockedValue { state -> Int32? in
                if state.exit == nil { state.exitWaiters.append(continuation) }
                return state.exit
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    public func signal(_ number: Int32) { if state.withLockedValue({ $0.exit == nil }) { kill(pid, number) } }

    /// Stops it in its tracks, and waits until it stands still.
    public func halt() async throws {
        signal(SIGSTOP)
        while try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8).split(separator: ")").last?.first(where: { $0 != " " })
            != "T"
        {
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Sends a signal and waits for the end.
    @discardableResult
    public func end(_ number: Int32 = SIGTERM) async -> Int32 {
        signal(number)
        return await exitStatus()
    }

    // MARK: Events

    /// Reads until the process ends: the pipe itself may live on in one of its children.
    private static func watch(_ pid: pid_t, _ output: Int32, _ program: () -> Program?) {
        let process = process_descriptor(pid)
        var places = [pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: process, events: Int16(POLLIN), revents: 0)]
        while true {
            guard poll(&places, 2, -1) > 0 else { continue }
            let hasEnded = places[1].revents != 0
            if drain(output, into: program()) { places[0].fd = -1 }
            guard hasEnded else { continue }
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            close(output)
            close(process)
            program()?.ended(status & 0x7f == 0 ? (status >> 8) & 0xff : status & 0x7f)
            return
        }
    }

    /// Reads what the pipe holds now; true at its end.
    private static func drain(_ descriptor: Int32, into program: Program?) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 { program?.received(buffer[..<count]) }
            if count == 0 { return true }
            if count < 0, errno != EINTR { return errno != EAGAIN }
        }
    }

    private func received(_ bytes: ArraySlice<UInt8>) {
        let done = state.withLockedValue { state -> [(Waiter, String)] in
            state.partial += bytes
            var done: [(Waiter, String)] = []
            while let end = state.partial.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: state.partial[..<end], as: UTF8.self)
                state.partial.removeSubrange(...end)
                state.lines.append(line)
                for (id, waiter) in state.waiters where state.lines.count > waiter.from && waiter.matches(line) {
                    state.waiters[id] = nil
                    done.append((waiter, line))
                }
            }
            return done
        }
        for (waiter, line) in done { waiter.continuation.resume(returning: line) }
    }

    private func giveUp(_ id: UUID) {
        state.withLockedValue { $0.waiters.removeValue(forKey: id) }?.continuation.resume(returning: nil)
    }

    private func ended(_ status: Int32) {
        if state.withLockedValue({ !$0.partial.isEmpty }) { received([UInt8(ascii: "\n")]) }
        let (waiters, exits) = state.withLockedValue { state in
            state.exit = status
            defer { (state.waiters, state.exitWaiters) = ([:], []) }
            return (Array(state.waiters.values), state.exitWaiters)
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
        for exit in exits { exit.resume(returning: status) }
    }
}
