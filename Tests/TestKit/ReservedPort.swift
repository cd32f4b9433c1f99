import Foundation
import NIOConcurrencyHelpers

/// A port of 127.0.0.1, or some in a row, where nobody listens and that nobody else gets while this lives.
public final class ReservedPort: Sendable {
    private let descriptors: NIOLockedValueBox<[Int32]>
    /// The first.
    public let port: Int

    /// Below those that the system gives to whoever asks for any: one that is let go of is not taken by a connection of another test.
    private static let range = 10_240...31_000

    public init(consecutive count: Int = 1) throws {
        for _ in 0..<1000 {
            var taken: [Int32] = []
            guard let (first, port) = ReservedPort.reserve(.random(in: ReservedPort.range)) else { continue }
            taken.append(first)
            for next in 1..<max(count, 1) {
                guard port + next < 65536, let (descriptor, _) = ReservedPort.reserve(port + next) else { break }
                taken.append(descriptor)
            }
            if taken.count == count {
                descriptors = NIOLockedValueBox(taken)
                self.port = port
                return
            }
            for descriptor in taken { close(descriptor) }
        }
        throw Program.Failure(description: "no \(count) free ports: \(String(cString: strerror(errno)))")
    }

    /// Takes connections from now on, and answers none.
    public func listenSilently() { descriptors.withLockedValue { $0.forEach { listen($0, 128) } } }

    /// Lets go of one of them.
    public func release(_ index: Int) {
        descriptors.withLockedValue { descriptors in
            close(descriptors[index])
            descriptors[index] = -1
        }
    }

    private static func reserve(_ port: Int) -> (descriptor: Int32, port: Int)? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            return nil
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    deinit { descriptors.withLockedValue { $0.forEach { if $0 >= 0 { close($0) } } } }
}
