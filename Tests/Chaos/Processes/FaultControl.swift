import CFaultControl
import Foundation
import TestKit

/// What the preloaded shim does to a program, changeable while it runs.
final class FaultControl {
    let path: String
    static var library: String { "\(productDirectory)/libFaultShim.so" }

    /// Where the package's products are: beside the tests.
    static var productDirectory: String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    }

    init(in directory: TemporaryDirectory) throws {
        path = directory.path("faults")
        try Data(count: MemoryLayout<fault_control>.size).write(to: URL(fileURLWithPath: path))
    }

    var environment: [String: String] { ["LD_PRELOAD": FaultControl.library, "FAULT_CONTROL": path] }

    func set(_ control: fault_control) {
        // In place: the program has the file mapped.
        guard let file = FileHandle(forWritingAtPath: path) else { return }
        withUnsafeBytes(of: control) { try? file.write(contentsOf: Data($0)) }
        try? file.close()
    }
}
