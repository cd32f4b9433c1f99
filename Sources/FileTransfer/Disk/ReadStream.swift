import NIOCore

/// A file that is read block by block.
final class ReadStream: Sendable {
    let file: Descriptor
    let what: String
    private let hash: StreamHash?

    /// - Parameter hash: gets what is read; nil: nobody asks for it.
    init(_ file: Descriptor, _ what: String, hash: StreamHash? = nil) {
        self.file = file
        self.what = what
        self.hash = hash
        file.willBeReadThrough()
    }

    func read(at offset: Int, count: Int) throws(TransferFailure) -> FileAnswer {
        let bytes = try file.read(at: offset, count: count, what)
        hash?.take(bytes, at: offset)
        return .block(bytes, isLast: offset + bytes.readableBytes >= (try size()))
    }

    func size() throws(TransferFailure) -> Int { Int(try file.status(what).st_size) }
}
