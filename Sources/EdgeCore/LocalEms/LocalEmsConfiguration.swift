import AlwaysOn
import Formats
import NIOCore

/// Services of `LocalEms` that change the configuration file (ems.md §6.6).
extension Gateway {
    /// Writes another configuration, which is in force after a restart, or as far as may be after a reload.
    func updateConfiguration(_ input: ServiceInput, replaces: Bool, from origin: Origin) throws -> EventLoopFuture<Response> {
        let change: JSONObject
        if input.value("config") == nil, let whole = input.whole, whole["ws_servers"] != nil {
            // The documentation's own sample sends the object in place of the parameter.
            change = whole
        } else {
            change = try input.object("config")
        }
        // Each of them is a tree of many times its size, and they follow one another anyway.
        guard configurationChanges < Gateway.mostConfigurationChanges else {
            return loop.makeSucceededFuture(
                Response(.serviceUnavailable, reason: "\(configurationChanges) changes of the configuration are being made already"))
        }
        configurationChanges += 1
        let file = host.file
        let promise = loop.makePromise(of: Response.self)
        promise.completeWithTask { [logger] in
            do throws(ConfigurationEdit.Failure) {
                try ConfigurationEdit.write(change, replaces: replaces, to: file)
                logger.log(
                    level: .audit,
                    "the configuration \(file.path) was \(replaces ? "replaced" : "changed") by a service called \(origin == .local ? "locally" : "by the platform")"
                )
                return Response(.success)
            } catch {
                return Response(error.isInput ? .badRequest : .internalError, reason: error.text)
            }
        }
        promise.futureResult.whenComplete { _ in self.assumeIsolated { $0.configurationChanges -= 1 } }
        return promise.futureResult
    }

    private static let mostConfigurationChanges = 2

    func reloadConfiguration() -> EventLoopFuture<Response> {
        let host = host
        let promise = loop.makePromise(of: Response.self)
        promise.completeWithTask {
            do throws(ReloadFailure) {
                let report = try await host.reload()
                return .result(.string(report.text))
            } catch {
                return Response(.badRequest, reason: error.description)
            }
        }
        return promise.futureResult
    }
}
