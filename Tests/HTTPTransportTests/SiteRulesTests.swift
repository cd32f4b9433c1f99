import NIOHTTP1
import Testing

@testable import HTTPTransport

/// Requests of web pages, told from those of programs and of the server's own pages.
@Suite struct SiteRulesTests {
    private let rules = SiteRules(hosts: ["gateway.example", "10.0.0.9"], origins: ["https://dashboard.example/"], isTLS: false)

    private func isRefused(_ headers: HTTPHeaders, _ method: HTTPMethod = .POST, _ rules: SiteRules? = nil) -> Bool {
        (rules ?? self.rules).refusal(of: headers, method: method) != nil
    }

    @Test(arguments: [
        "localhost", "LocalHost:8000", "localhost.", "127.0.0.1", "127.0.0.1:8000", "10.200.3.4", "[::1]", "[::1]:8000",
        "[fe80::1%eth0]:8000", "gateway.example", "GATEWAY.example:8000",
    ])
    func hostsThatAreFine(host: String) { #expect(!isRefused(["Host": host])) }

    @Test(arguments: [
        "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "gateway.example.evil", "evil.example:localhost", "xlocalhost",
        "[evil.example]", "", "::1.evil", "0x7f.1",
        "127.0.0.1\u{0}.evil", "2130706433.evil", "localhost@evil.example",
    ])
    func hostsThatAreNot(host: String) { #expect(isRefused(["Host": host])) }

    @Test func programsSendNeitherHostNorOrigin() {
        #expect(!isRefused(HTTPHeaders()))
        #expect(isRefused(HTTPHeaders([("Host", "localhost"), ("Host", "evil.example")])))
    }

    @Test(arguments: [
        ("localhost:8000", "http://localhost:8000", true), ("localhost:8000", "http://localhost", false),
        ("localhost:8000", "https://localhost:8000", false),
        ("localhost", "http://localhost:80", true), ("localhost", "http://evil.example", false), ("localhost", "null", false),
        ("127.0.0.1:8000", "http://localhost:8000", false),
        ("[::1]:8000", "http://[::1]:8000", true), ("localhost", "https://dashboard.example", true),
        ("localhost", "https://dashboard.example:444", false),
        ("gateway.example:8000", "ws://gateway.example:8000", true), ("localhost", "", false), ("localhost", "http://", false),
        ("localhost", "http://localhost.evil", false),
    ])
    func origins(host: String, origin: String, isFine: Bool) {
        #expect(isRefused(["Host": host, "Origin": origin]) == !isFine, "\(host) \(origin)")
    }

    @Test func ownPagesOverTLS() {
        let rules = SiteRules(isTLS: true)
        #expect(!isRefused(["Host": "localhost:8443", "Origin": "https://localhost:8443"], .POST, rules))
        #expect(!isRefused(["Host": "localhost", "Origin": "https://localhost:443"], .POST, rules))
        #expect(isRefused(["Host": "localhost", "Origin": "http://localhost"], .POST, rules))
    }

    @Test func whatBrowsersSayOfThemselves() {
        #expect(isRefused(["Host": "localhost", "Sec-Fetch-Site": "cross-site"]))
        #expect(!isRefused(["Host": "localhost", "Sec-Fetch-Site": "cross-site"], .GET))
        #expect(!isRefused(["Host": "localhost", "Sec-Fetch-Site": "same-origin"]))
        #expect(
            SiteRules.isSentByPage(["User-Agent": "Mozilla/5.0"]) && SiteRules.isSentByPage(["Referer": "http://x"])
                && SiteRules.isSentByPage(["Sec-Fetch-Site": "cross-site"]))
        #expect(
            !SiteRules.isSentByPage(HTTPHeaders()) && !SiteRules.isSentByPage(["User-Agent": "curl/8"])
                && !SiteRules.isSentByPage(["User-Agent": "Mozilla/5.0", "Sec-Fetch-Site": "none"]))
        #expect(
            SiteRules.hasJSONBody(["Content-Type": "application/json; charset=utf-8"])
                && SiteRules.hasJSONBody(["content-type": "Application/JSON"]))
        #expect(
            !SiteRules.hasJSONBody(["Content-Type": "text/plain"]) && !SiteRules.hasJSONBody(HTTPHeaders())
                && !SiteRules.hasJSONBody(["Content-Type": "application/jsonp"]))
    }

    @Test func textOnPagesIsEscapedByteByByte() {
        let text = HTMLPage.escaped("a\u{600}<b\u{301}&\"'>\r\n\u{200D}<")
        #expect(text.unicodeScalars.allSatisfy { $0 != "<" && $0 != ">" && $0 != "\"" && $0 != "'" })
        #expect(Array(text.utf8).firstRange(of: Array("\u{600}&lt;b".utf8)) != nil)
    }
}
