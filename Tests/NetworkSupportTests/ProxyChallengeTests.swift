import Testing

@testable import NetworkSupport

@Suite struct ProxyChallengeTests {
    @Test("ems 58: Basic") func basic() throws {
        let challenge = try #require(ProxyChallenge("Basic realm=\"works\""))
        #expect(challenge.answer(user: "Aladdin", password: "open sesame", target: "h:1") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    }

    /// Expected values computed independently (Python's hashlib) after RFC 7616 §3.4.1.
    @Test(
        "ems 58: Digest",
        arguments: [
            ("Digest realm=\"r\", nonce=\"n0\", qop=\"auth,auth-int\", opaque=\"o\"", "39118e4fbd315705d0b7cb043b6b1651"),
            (
                "Digest realm=\"r\", nonce=\"n0\", qop=\"auth\", algorithm=SHA-256",
                "2f71330d07d76d923a55674f5b19c5694b25bac83afd51a2d7754ae28e850f97"
            ),
            ("Digest realm=\"r\", nonce=\"n0\"", "41ff820f306d725b95a05ea3593d9c56"),
        ])
    func digest(header: String, expected: String) throws {
        let challenge = try #require(ProxyChallenge(header))
        let answer = challenge.answer(user: "u", password: "p", target: "h:443", clientNonce: "c")
        #expect(answer.split(separator: "response=\"")[1].prefix { $0 != "\"" } == expected)
        #expect(answer.contains("username=\"u\"") && answer.contains("uri=\"h:443\""))
        #expect(answer.contains("opaque=\"o\"") == header.contains("opaque"))
        // Another use of the same nonce counts on.
        if header.contains("qop") {
            #expect(challenge.answer(user: "u", password: "p", target: "h:443", clientNonce: "c").contains("nc=00000002"))
        }
    }

    @Test func theStrongestOfferIsTaken() {
        let best = ProxyChallenge.best(of: ["NTLM", "Basic realm=\"r\"", "Digest realm=\"r\", nonce=\"n\", algorithm=MD5"])
        #expect(best?.scheme == .digest)
        #expect(ProxyChallenge.best(of: ["Basic realm=x"])?.scheme == .basic)
        #expect(ProxyChallenge.best(of: ["NTLM", "Negotiate", "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256"]) == nil)
        #expect(ProxyChallenge("Digest realm=\"only\"") == nil)
    }

    @Test func urls() {
        #expect(NetworkURL("https://h.example/a?b=c#d") == NetworkURL("HTTPS://h.example/a?b=c"))
        #expect(NetworkURL("http://[::1]:80/x")?.host == "::1" && NetworkURL("http://[::1]:80/x")?.port == 80)
        #expect(NetworkURL("http://[::1]")?.port == nil && NetworkURL("ws://h?q")?.path == "/?q")
        for wrong in ["h/p", "http://", "http://u:p@h/", "http://h:0", "http://h:99999", "://h"] {
            #expect(NetworkURL(wrong) == nil, "\(wrong)")
        }
    }
}
