import Crypto
import EdgeREST
import Foundation
import Formats
import TestKit

/// A platform and a gateway with virtual directories `in` and `out`, through which the Thing `TFiles` has files.
final class FileChain: Sendable {
    static let thing = "TFiles"
    static let model =
        #"[{"name": "TFiles", "template": "RemoteThingWithFileTransfer"}, {"name": "TPlain", "template": "RemoteThing"}, {"name": "TOther", "template": "RemoteThingWithTunnelsAndFileTransfer"}]"#

    let platform: TestPlatform
    let chain: Chain
    let gateway: Program

    /// - Parameters:
    ///   - file: further members of the gateway's group `file`.
    ///   - data: whether the platform has a database.
    init(file: String = "", data: Bool = false, gatewayMore: String = "", platform given: TestPlatform? = nil) async throws {
        if let given { platform = given } else { platform = try await TestPlatform(things: FileChain.model, data: data) }
        chain = platform.chain
        for name in ["in", "out"] {
            try FileManager.default.createDirectory(atPath: chain.directory.path(name), withIntermediateDirectories: true)
        }
        try FileChain.writeGateway(chain, platform.port, file: file, more: gatewayMore)
        gateway = try chain.startGateway()
        try await bound()
    }

    static func writeGateway(_ chain: Chain, _ port: Int, file: String = "", more: String = "") throws {
        let (incoming, outgoing) = (chain.directory.path("in"), chain.directory.path("out"))
        try chain.writeGateway(
            platform: port, autoBind: #"[{"name": "TFiles"}, {"name": "TPlain"}, {"name": "TOther"}]"#,
            more:
                #", "file": {"virtual_dirs": [{"in": "\#(incoming)"}, {"out": "\#(outgoing)"}], "staging_dir": "\#(chain.directory.path("staging"))"\#(file)}"#
                + more)
    }

    func bound(_ thing: String = FileChain.thing) async throws { try await platform.isBound(thing) }

    // MARK: Files

    func path(_ name: String) -> String { chain.directory.path(name) }

    func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path(name))) }

    func read(_ name: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(name)))) }

    func names(_ directory: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path(directory)).sorted() }

    /// What is left of transfers at the gateway.
    var staged: [String] { (try? names("staging")) ?? [] }

    static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
        }
        return Array(bytes.prefix(count))
    }

    /// Compared here: a failure does not print them.
    static func isSame(_ one: [UInt8]?, _ other: [UInt8]) -> Bool { one == other }

    static func md5(_ bytes: [UInt8]) -> String { Insecure.MD5.hash(data: bytes).map { String(format: "%02x", $0) }.joined() }

    // MARK: Copying

    func copy(
        from source: (String, String), to target: (String, String), key: String = Chain.adminKey, _ more: JSONObject = [:]
    )
        async throws -> TestPlatform.Answer
    {
        try await platform.copy(from: source, to: target, key: key, more)
    }

    func upload(_ path: String, _ bytes: [UInt8]) async throws {
        let answer = try await platform.call(
            "SaveBinary", on: "SystemRepository", ["path": .string(path), "content": .string(Base64.encode(bytes))])
        guard answer.isDone else { throw Program.Failure(description: "\(path): \(answer.status) \(answer.text)") }
    }
}

extension TestPlatform {
    func copy(
        from source: (String, String), to target: (String, String), key: String = Chain.adminKey, _ more: JSONObject = [:]
    )
        async throws -> Answer
    {
        func split(_ path: String) -> (String, String) {
            let slash = path.lastIndex(of: "/") ?? path.startIndex
            return (String(path[..<slash]), String(path[path.index(after: slash)...]))
        }
        var body: JSONObject = [
            "sourceRepo": .string(source.0), "sourcePath": .string(split(source.1).0), "sourceFile": .string(split(source.1).1),
            "targetRepo": .string(target.0), "targetPath": .string(split(target.1).0), "targetFile": .string(split(target.1).1),
        ]
        for member in more.members { body[member.name] = member.value }
        return try await post("Subsystems/FileTransferSubsystem/Services/Copy", .object(body), key: key)
    }

    /// Returns once an edge has bound the Thing.
    func isBound(_ thing: String, after mark: Int = 0) async throws {
        try await program.line(containing: "\(thing) is bound to connection", after: mark)
    }

    func job(_ id: String) async throws -> JSONValue {
        let answer = try await post("Subsystems/FileTransferSubsystem/Services/GetTransferJobInfo", ["transferId": .string(id)])
        return answer.rows.first ?? .null
    }

    /// The job once it has ended.
    func ended(_ id: String) async throws -> JSONValue {
        try await program.line(containing: "transfer \(id) ends as")
        return try await job(id)
    }

    func files(_ service: String, _ body: JSONValue, of thing: String = "SystemRepository") async throws -> Answer {
        try await call(service, on: thing, body)
    }
}
