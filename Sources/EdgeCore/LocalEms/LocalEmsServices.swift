import AlwaysOn
package import LogSupport
import Logging
import NIOCore
import NetworkSupport

/// Services of `LocalEms` that look after the program itself (ems.md §6.6).
extension Gateway {
    /// The newest entries of the log in memory.
    func logData(_ input: ServiceInput) throws -> Response {
        let from = try input.time("startDate") ?? .min
        let to = try input.time("endDate") ?? .max
        let count = try input.integer("maxItems", default: LogSystem.ringCapacity, in: 0...1_000_000)
        guard from <= to else { throw ServiceInput.Failure(text: "\"startDate\" lies after \"endDate\"") }
        var table = Infotable(
            DataShape([
                .init("timestamp", .datetime), .init("level", .string), .init("thread", .string), .init("module", .string),
                .init("message", .string),
            ]))
        for entry in host.log.recent.filter({ (from...to).contains($0.time) }).suffix(count) {
            table.append([
                .datetime(entry.time), .string(entry.level.name), .string(String(entry.thread, radix: 16)), .string(entry.module),
                .string(entry.message),
            ])
        }
        return .success(table)
    }

    func startFileLogging(_ input: ServiceInput) throws -> Response {
        let name = input.string("level") ?? configuration.log.level
        guard let level = Logger.Level(name: name) else {
            throw ServiceInput.Failure(text: "\"level\": expected one of AUDIT, ERROR, WARN, INFO, DEBUG, TRACE, found \"\(name)\"")
        }
        guard let directory = input.string("directory") ?? (configuration.log.directory.isEmpty ? nil : configuration.log.directory),
            !directory.isEmpty
        else {
            throw ServiceInput.Failure(text: "expected a string \"directory\", as logger.publish_directory is not set")
        }
        do {
            host.log.write(to: try LogFiles(configuration.log.settings.files(in: directory)), from: level)
        } catch {
            throw ServiceInput.Failure(text: "\"directory\": \(error)")
        }
        logger.log(level: .audit, "logging to files in \(directory) from \(level.name) on, as a service wanted it")
        return Response(.success)
    }

    func stopFileLogging(_ input: ServiceInput) throws -> Response {
        let deletes = try input.bool("delete", default: false)
        let files = host.log.files
        logger.log(level: .audit, "logging to files ends, as a service wanted it")
        host.log.write(to: nil, from: .critical)
        if deletes { files?.remove() }
        return Response(.success)
    }

    /// Whether a TCP connection to a host and port can be opened from here.
    func testPort(_ input: ServiceInput) throws -> EventLoopFuture<Response> {
        let name = try input.required("host")
        guard input.value("port") != nil else { throw ServiceInput.Failure(text: "expected a number \"port\"") }
        let port = try input.integer("port", default: 0, in: 1...65535)
        return Dialer().connect(host: name, port: port, tls: nil, timeout: configuration.connection.connectTimeout, on: loop)
            .map { channel in
                channel.close(promise: nil)
                return Response.result(.boolean(true))
            }
            .flatMapErrorThrowing { _ in .result(.boolean(false)) }
    }

    func restart(from origin: Origin) -> Response {
        let isAllowed =
            switch (configuration.restart, origin) {
            case (.any, _), (.local, .local), (.server, .platform): true
            default: false
            }
        guard isAllowed else {
            return Response(
                .forbidden,
                reason:
                    "Restart is not allowed \(origin == .local ? "locally" : "from the platform"): set `restart` in the configuration to \(origin == .local ? "\"local\" or \"any\"" : "\"server\" or \"any\"")"
            )
        }
        logger.log(level: .audit, "restarting, as a service wanted it")
        host.restart()
        return Response(.success)
    }
}

extension GatewayConfiguration.Log {
    package var settings: LogSettings {
        var settings = LogSettings()
        settings.level = Logger.Level(name: level) ?? .warning
        settings.fileLevel = fileLevel.flatMap { Logger.Level(name: $0) } ?? settings.level
        settings.auditTarget = auditTarget
        settings.directory = directory
        settings.storage = maximumStorage
        settings.autoFlush = autoFlush
        settings.flushChunk = flushChunkSize
        settings.longestLine = bufferSize
        settings.format = format
        return settings
    }
}
