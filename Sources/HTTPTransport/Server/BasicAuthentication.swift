import Formats
package import NIOHTTP1

/// HTTP Basic authentication against one user (RFC 7617).
package struct BasicAuthentication: Sendable {
    private let expected: [UInt8]
    private let realm: String

    /// - Parameter user: must hold no colon; one that does never matches.
    package init(user: String, password: String, realm: String) {
        expected = Array("\(user):\(password)".utf8)
        self.realm = realm
    }

    /// nil when the request carries the right credentials, else the answer to it.
    package func refusal(of headers: HTTPHeaders) -> HTTPResponse? {
        if let given = BasicAuthentication.credentials(in: headers), isEqual(given) { return nil }
        var response = HTTPResponse.error(.unauthorized, "user name or password missing or wrong")
        response.headers.add(name: "WWW-Authenticate", value: "Basic realm=\"\(realm)\", charset=\"UTF-8\"")
        return response
    }

    /// The bytes of `user:password` of a request's `Authorization` header.
    package static func credentials(in headers: HTTPHeaders) -> [UInt8]? {
        guard let value = headers.first(name: "Authorization"), value.prefix(6).lowercased() == "basic " else { return nil }
        return Base64.decode(value.dropFirst(6).trimmingPrefix { $0 == " " }.description)
    }

    package static func header(user: String, password: String) -> (String, String) {
        ("Authorization", "Basic " + Base64.encode("\(user):\(password)".utf8))
    }

    /// Takes the same time wherever the first difference is.
    private func isEqual(_ given: [UInt8]) -> Bool {
        var difference: UInt8 = given.count == expected.count ? 0 : 1
        for index in expected.indices { difference |= expected[index] ^ (index < given.count ? given[index] : 0xFF) }
        return difference == 0
    }
}
