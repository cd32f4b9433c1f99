import Formats
import Foundation
import HTTPTransport
import Logging
import NIOCore
import NIOPosix
import TestKit
import Testing

/// Both our ends against one that others wrote: compression, fragments and chunks in both directions.
@Suite struct IndependentPeerTests {
    private func peer(_ arguments: [String], in chain: Chain) throws -> Program {
        let script = Bundle.module.path(forResource: "peer", ofType: "py", inDirectory: "Fixtures")!
        return try Program("/usr/bin/python3", [script] + arguments, in: chain.directory.path)
    }

    private let big = (0..<3000).map { "line \($0) äöü\n" }.joined()

    private func reversed(_ text: String) -> String { String(String.UnicodeScalarView(text.unicodeScalars.reversed())) }

    @Test func anIndependentEdgeAtOurPlatform() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1", "discover": false}, {"name": "T2", "properties": {"big": {"baseType": "STRING"}}}]"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        let edge = try peer(["edge", "\(port)", Chain.edgeKey], in: chain)
        try await edge.line(containing: "extensions ['PerMessageDeflate']")
        try await platform.line(containing: "T1 is bound")
        let admin = try chain.platform(port)
        let answer = try await admin.invoke("T1", "Reverse", ["text": .string(big)])
        // Compared outside: of long texts that differ the macro would look for the shortest difference.
        let isReversed = answer["rows"]?[0]?["result"]?.string == reversed(big)
        #expect(isReversed)
        try await edge.line(containing: "asked in chunks")
        try await edge.line(containing: "read back True in chunks True")
        let isKept = try await admin.property("T2", "big").string == big
        #expect(isKept)
        await edge.end()
        try await platform.line(containing: "T1 is not connected")
    }

    @Test func ourGatewayAtAnIndependentPlatform() async throws {
        let chain = try Chain()
        let platform = try peer(["platform", Chain.edgeKey], in: chain)
        let port = try await platform.port()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let device = try await HTTPServer.start(
            HTTPServer.Configuration(), on: loop, logger: Logger(label: "device") { _ in SwiftLogNoOpLogHandler() }
        ) { request in
            let text = (try? JSONValue(parsing: request.body))?["text"]?.string ?? ""
            let answer: JSONValue = request.path.last == "small" ? ["small": "tiny"] : ["result": .string(reversed(text))]
            return loop.makeSucceededFuture(.json(ByteBuffer(string: answer.description)))
        }
        try chain.writeGateway(platform: port, autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": \#(device.port)}]"#)
        let gateway = try chain.startGateway()
        #expect(await platform.exitStatus() == 0, "\(platform.output)")
        #expect(platform.lines.dropFirst() == ["extensions ['PerMessageDeflate']", "small tiny", "big True in chunks True"])
        await gateway.end()
        await device.stop()
    }
}
