import AlwaysOn
@testable import AlwaysOnFiles
@testable import FileTransfer
import NIOCore
import TestKit
import Testing

/// What travels (alwayson.md §8): what one end writes the other reads, with the types that SDK clients want.
@Suite struct FileServiceTests {
    private static let path = FilePath(components: ["in", "a b.bin"])

    static let operations: [FileOperation] = [
        .transferInfo, .list(path, mask: "*.b", files: true, directories: true), .list(path, mask: "x", files: true, directories: false),
        .list(path, mask: "", files: false, directories: true), .structure(.root), .info(path), .checksums(path), .makeDirectory(path),
        .removeDirectory(path),
        .remove(path, isStrict: false), .move(path, to: FilePath(components: ["out"]), overwrite: true),
        .start(TransferStart(transfer: "t", path: path, direction: .read)),
        .start(TransferStart(transfer: "t", path: path, direction: .write, size: 7, isResumable: true, withMD5: false)),
        .create(path, ByteBuffer(bytes: [1, 2]), overwrite: true), .read(path, offset: 5_000_000_000, count: 9, transfer: "t"),
        .write(path, offset: 8, ByteBuffer(bytes: [3]), transfer: "t"), .complete(transfer: "t", target: path),
        .cancel(transfer: "t", target: path),
    ]

    @Test(arguments: operations) func whatIsAskedIsUnderstood(_ operation: FileOperation) throws {
        let request = try FileRequests.request(operation, to: "T")
        let service = try #require(FileService(request))
        #expect(try service.operation(request.content?.decoded() ?? Infotable(DataShape([]))) == operation)
    }

    @Test func typesAreExact() throws {
        func types(_ operation: FileOperation) throws -> [String: BaseType] {
            let table = try FileRequests.request(operation, to: "T").content?.decoded()
            return Dictionary(uniqueKeysWithValues: (table?.shape.fields ?? []).map { ($0.name, $0.baseType) })
        }
        #expect(
            try types(.read(Self.path, offset: 1, count: 2, transfer: "t")) == [
                "path": .string, "offset": .number, "count": .integer, "tid": .string,
            ])
        #expect(
            try types(.write(Self.path, offset: 1, ByteBuffer(), transfer: "t")) == [
                "path": .string, "offset": .number, "data": .blob, "tid": .string,
            ])
        #expect(try types(.create(Self.path, ByteBuffer(), overwrite: true)) == ["path": .string, "data": .blob, "overwrite": .boolean])
        #expect(
            try types(.move(Self.path, to: Self.path, overwrite: true)) == [
                "sourcePath": .string, "targetPath": .string, "overwrite": .boolean,
            ])
        #expect(
            try types(.start(TransferStart(transfer: "t", path: Self.path, direction: .read))) == [
                "path": .string, "mode": .string, "tid": .string,
            ])
        #expect(try types(.cancel(transfer: "t", target: nil)) == ["job": .infotable])
        #expect(try types(.transferInfo).isEmpty)
    }

    @Test func answersAreUnderstood() throws {
        let cases: [(FileOperation, FileAnswer)] = [
            (.transferInfo, .transferInfo(TransferInfo(blockSize: 5, maximumFileSize: 8_000_000_000, window: 9))),
            (.transferInfo, .transferInfo(TransferInfo(blockSize: 5, maximumFileSize: 6))),
            (.info(Self.path), .info(FileInfo(path: Self.path, isReadOnly: true, size: 3, modified: 1_700_000_000_000))),
            (.checksums(Self.path), .checksums(FileChecksums(md5: "ab", sha256: "cd"))),
            (.checksums(Self.path), .checksums(FileChecksums(md5: nil, sha256: "cd"))),
            (.read(Self.path, offset: 0, count: 2, transfer: nil), .block(ByteBuffer(bytes: [1, 2]), isLast: true)),
            (.remove(Self.path, isStrict: false), .done),
        ]
        for (operation, answer) in cases {
            let service = try #require(FileService(try FileRequests.request(operation, to: "T")))
            #expect(try FileRequests.answer(service.response(answer), to: operation) == answer)
        }
    }

    /// SDK edges give `count` as a NUMBER although their shape says INTEGER, and say nothing of a window.
    @Test func sdkAnswersAreUnderstood() throws {
        var block = Infotable(DataShape([.init("count", .integer), .init("data", .blob), .init("eof", .boolean)]))
        block.append([.number(2), .blob(ByteBuffer(bytes: [1, 2])), .boolean(false)])
        #expect(
            try FileRequests.answer(.success(block), to: .read(Self.path, offset: 0, count: 2, transfer: nil))
                == .block(ByteBuffer(bytes: [1, 2]), isLast: false))
        for (status, kind) in [
            (Status.serviceUnavailable, TransferFailure.Kind.interrupted), (.gatewayTimeout, .interrupted), (.internalError, .noTransfer),
            (.notFound, .notFound),
        ] {
            do throws(TransferFailure) {
                _ = try FileRequests.answer(Response(status), to: .read(Self.path, offset: 0, count: 2, transfer: "t"))
                #expect(Bool(false))
            } catch { #expect(error.kind == kind) }
        }
        #expect(throws: TransferFailure.self) { try FileRequests.answer(Response(.success), to: .transferInfo) }
        #expect(throws: TransferFailure.self) {
            try FileRequests.answer(.success(Infotable("data", .string("x"))), to: .read(Self.path, offset: 0, count: 2, transfer: "t"))
        }
    }

    /// Whatever a platform sends as parameters, it is an operation or a refusal.
    @Test func wrongParametersAreRefused() throws {
        var random = SeededGenerator(seed: 3)
        let values: [Value] = [
            .nothing, .string(""), .string("/in/../x"), .string("/in/a"), .string("read"), .number(-1), .number(1e300), .number(.nan),
            .number(0.5), .integer(7), .boolean(true),
            .blob(ByteBuffer(bytes: [1])), .infotable(Infotable("transferId", .string("t"))), .infotable(Infotable(DataShape([]))),
            .datetime(5), .string("////"),
        ]
        let names = [
            "path", "sourcePath", "targetPath", "overwrite", "name", "tid", "mode", "offset", "count", "data", "job", "size", "nameMask",
            "resumable",
        ]
        for _ in 0..<3000 {
            let service = FileService.allCases.randomElement(using: &random) ?? .read
            let chosen = names.shuffled(using: &random).prefix(Int.random(in: 0...6, using: &random)).map {
                ($0, values.randomElement(using: &random) ?? .nothing)
            }
            var table = Infotable(DataShape(chosen.map { .init($0.0, $0.1.baseType) }))
            if !chosen.isEmpty { table.append(chosen.map(\.1)) }
            if case .read(_, let offset, let count, _)? = try? service.operation(table) { #expect(offset >= 0 && count >= 0) }
        }
    }
}
