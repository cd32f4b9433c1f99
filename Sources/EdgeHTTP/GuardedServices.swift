import HTTPTransport
import NIOHTTP1

/// Services of `LocalEms` that change the configuration, restart the program or write files, or throw stored requests away: whoever can
/// make a browser send
/// a request must not reach them, with authentication or without.
enum GuardedServices {
    static let names: Set<String> = [
        "UpdateConfiguration", "ReplaceConfiguration", "ReloadConfiguration", "Restart", "StartFileLogging", "StopFileLogging",
        "RetryStoredRequests", "DropStoredRequests",
    ]

    /// The answer to a request that may be a web page's; nil for all others.
    /// - Parameter isGuarded: whether it is for one of these services.
    static func refusal(of http: HTTPRequest, isGuarded: Bool) -> HTTPResponse? {
        if !http.query.isEmpty, http.method == .GET, http.queryValue("method") != nil, SiteRules.isSentByPage(http.headers) {
            return .error(.forbidden, "a web page may not invoke services by GET: send a POST, or open the address in a tab of its own")
        }
        guard isGuarded else { return nil }
        if http.method == .GET { return .error(.methodNotAllowed, "\(http.path[4]) is invoked by POST alone") }
        guard SiteRules.hasJSONBody(http.headers) else {
            return .error(.unsupportedMediaType, "\(http.path[4]) needs the header Content-Type: application/json")
        }
        return nil
    }
}
