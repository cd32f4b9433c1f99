import Glibc

/// A datagram socket in the file system that stands in for one of the system's: what it is told can be read.
public final class DatagramSocket: Sendable {
    private let file: Int32
    public let path: String

    /// - Throws: where it cannot be made, such as for a path that is too long.
    public init(_ path: String) throws {
        self.path = path
        file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(capacity - 1)) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard status == 0 else { throw Program.Failure(description: "\(path): \(String(cString: strerror(errno)))") }
    }

    deinit { close(file) }

    /// The next message.
    /// - Parameter waits: until one comes; else nil where none is there.
    public func next(waits: Bool = true) -> String? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(file, &bytes, bytes.count, waits ? 0 : Int32(MSG_DONTWAIT))
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
