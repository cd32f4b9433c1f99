import NIOCore
import NIOHTTP1
import Testing

@testable import AlwaysOnTransport

/// RFC 7692 §5 and §7.1: what is offered, agreed to and declined.
@Suite struct NegotiationTests {
    private func headers(_ values: [String]) -> HTTPHeaders { HTTPHeaders(values.map { (DeflateParameters.header, $0) }) }

    /// Offers and the server's answer; nil where it goes on without compression.
    @Test(
        arguments: [
            ([], nil), ([""], nil), (["permessage-deflate"], "permessage-deflate"), (["PerMessage-Deflate"], "permessage-deflate"),
            (["permessage-bzip2"], nil), (["x-webkit-deflate-frame"], nil),
            (["permessage-bzip2, permessage-deflate"], "permessage-deflate"),
            (["permessage-bzip2", "permessage-deflate"], "permessage-deflate"),
            (["permessage-deflate; client_max_window_bits"], "permessage-deflate"),
            (["permessage-deflate; client_max_window_bits=10"], "permessage-deflate"),
            (["permessage-deflate; client_max_window_bits=\"10\""], "permessage-deflate"),
            (["permessage-deflate; client_max_window_bits=7"], nil),
            (["permessage-deflate; client_max_window_bits=16"], nil), (["permessage-deflate; client_max_window_bits=010"], nil),
            (["permessage-deflate; client_max_window_bits=x"], nil),
            (["permessage-deflate; server_max_window_bits=15"], "permessage-deflate; server_max_window_bits=15"),
            (["permessage-deflate; server_max_window_bits=9"], "permessage-deflate; server_max_window_bits=9"),
            (["permessage-deflate; server_max_window_bits=8"], nil),
            (["permessage-deflate; server_max_window_bits"], nil), (["permessage-deflate; server_max_window_bits=16"], nil),
            (["permessage-deflate; server_max_window_bits=\"12\""], "permessage-deflate; server_max_window_bits=12"),
            (["permessage-deflate; server_no_context_takeover"], "permessage-deflate; server_no_context_takeover"),
            (["permessage-deflate; server_no_context_takeover=1"], nil),
            (["permessage-deflate; client_no_context_takeover"], "permessage-deflate"),
            (["permessage-deflate; client_no_context_takeover=true"], nil),
            (["permessage-deflate; unknown"], nil), (["permessage-deflate; unknown=1"], nil),
            (["permessage-deflate; server_no_context_takeover; server_no_context_takeover"], nil),
            (["permessage-deflate; client_max_window_bits; client_max_window_bits=9"], nil),
            (["permessage-deflate; unknown, permessage-deflate"], "permessage-deflate"),
            (
                ["permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10"],
                "permessage-deflate; server_max_window_bits=10"
            ),
            (["permessage-deflate;"], nil), (["; permessage-deflate"], nil), (["permessage-deflate; =1"], nil),
            (["permessage deflate"], nil), (["permessage-deflate; server_max_window_bits=\"10"], nil),
            (["permessage-deflate ; server_max_window_bits = 10"], "permessage-deflate; server_max_window_bits=10"),
            (
                [
                    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11; client_max_window_bits"
                ], "permessage-deflate; server_no_context_takeover; server_max_window_bits=11"
            ),
        ] as [([String], String?)])
    func serverAnswers(offers: [String], answer: String?) { #expect(DeflateParameters.accepting(headers(offers))?.answer == answer) }

    @Test func serverKeepsWhatItAnswered() {
        let accepted = DeflateParameters.accepting(headers(["permessage-deflate; server_no_context_takeover; server_max_window_bits=10"]))
        #expect(accepted?.parameters == DeflateParameters(serverNoContextTakeover: true, serverMaxWindowBits: 10))
    }

    /// A server of many connections makes the windows of those smaller that let it.
    @Test(arguments: [
        ("permessage-deflate; client_max_window_bits", 11), ("permessage-deflate; client_max_window_bits=10", 10),
        ("permessage-deflate; client_max_window_bits=14", 11),
        ("permessage-deflate; client_max_window_bits=8", 15), ("permessage-deflate", 15),
    ])
    func serverChoosesTheWindow(offer: String, bits: Int) {
        let accepted = DeflateParameters.accepting(headers([offer]), clientWindowBits: 11)
        #expect(accepted?.parameters.clientMaxWindowBits == bits)
        #expect(accepted?.answer == (bits == 15 ? "permessage-deflate" : "permessage-deflate; client_max_window_bits=\(bits)"))
    }

    /// One compressor for several connections: whoever keeps its context reads what is compressed without one.
    @Test func oneCompressorForSeveral() throws {
        let shared = Deflater(windowBits: 13, takesOverContext: false)
        let peers = (0..<3).map { _ in Inflater(windowBits: 13, takesOverContext: true) }
        let own = Deflater(windowBits: 11, takesOverContext: true)
        let server = Inflater(windowBits: 11, takesOverContext: true)
        for round in 0..<200 {
            let text = String(repeating: "value \(round % 7) of \(round) ", count: round)
            let message = ByteBuffer(string: text)
            let peer = peers[round % 3]
            #expect(try peer.decompress(shared.compress(message, allocator: .init()), limit: 1 << 20, allocator: .init()) == message)
            #expect(try server.decompress(own.compress(message, allocator: .init()), limit: 1 << 20, allocator: .init()) == message)
        }
    }

    /// Answers that a client takes; an empty one means no compression.
    @Test(
        arguments: [
            ([], nil), (["permessage-deflate"], DeflateParameters()),
            (["permessage-deflate; server_no_context_takeover"], DeflateParameters(serverNoContextTakeover: true)),
            (["permessage-deflate; client_no_context_takeover"], DeflateParameters(clientNoContextTakeover: true)),
            (["permessage-deflate; client_max_window_bits=11"], DeflateParameters(clientMaxWindowBits: 11)),
            (["permessage-deflate; server_max_window_bits=8"], DeflateParameters(serverMaxWindowBits: 8)),
            (["Permessage-Deflate;server_max_window_bits=\"15\""], DeflateParameters()),
        ] as [([String], DeflateParameters?)])
    func clientTakes(answer: [String], parameters: DeflateParameters?) throws {
        #expect(try DeflateParameters.answered(headers(answer), isOffered: true) == parameters)
    }

    /// §7.1: a client fails the connection on what it did not offer.
    @Test(arguments: [
        "permessage-bzip2", "permessage-deflate, permessage-deflate", "permessage-deflate, x-other",
        "permessage-deflate; client_max_window_bits=8", "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09", "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=0",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "permessage-deflate;;", "=",
        "permessage-deflate; a=\"",
    ])
    func clientRefuses(answer: String) {
        #expect(throws: ConnectFailure.self) { try DeflateParameters.answered(headers([answer]), isOffered: true) }
    }

    @Test func clientRefusesWhatItDidNotOffer() throws {
        #expect(throws: ConnectFailure.self) { try DeflateParameters.answered(headers(["permessage-deflate"]), isOffered: false) }
        #expect(try DeflateParameters.answered(headers([]), isOffered: false) == nil)
    }
}
