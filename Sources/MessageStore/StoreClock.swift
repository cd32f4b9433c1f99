import CClock
import Glibc
import Synchronization

/// A moment, as a store writes it down: by the wall clock, which may be wrong or jump, and by the one that only ever goes on.
package struct StoredTime: Sendable, Equatable {
    /// Milliseconds since 1970 UTC.
    package var wall: Int64
    /// Milliseconds since the machine started, time asleep included.
    package var uptime: Int64
    /// Whether the wall clock had been set by then, as far as the system knew.
    package var isSynchronized: Bool

    package init(wall: Int64, uptime: Int64, isSynchronized: Bool) {
        self.wall = wall
        self.uptime = uptime
        self.isSynchronized = isSynchronized
    }
}

/// What tells a store the time; a test has one of its own.
package protocol StoreClock: Sendable {
    var now: StoredTime { get }
    /// 16 bytes that no other start of the machine has.
    var boot: [UInt8] { get }
}

package struct SystemClock: StoreClock {
    /// Making one reads a file.
    package static let shared = SystemClock()

    package let boot: [UInt8]

    package init() {
        var bytes = [UInt8](repeating: 0, count: 36)
        let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        if file >= 0 {
            _ = read(file, &bytes, bytes.count)
            close(file)
        }
        var nibbles: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): nibbles.append(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): nibbles.append(byte - UInt8(ascii: "a") + 10)
            default: break
            }
        }
        boot = (0..<16).map { 2 * $0 + 1 < nibbles.count ? nibbles[2 * $0] << 4 | nibbles[2 * $0 + 1] : 0 }
    }

    package var now: StoredTime {
        let uptime = milliseconds(CLOCK_BOOTTIME)
        return StoredTime(wall: milliseconds(CLOCK_REALTIME), uptime: uptime, isSynchronized: SystemClock.isSynchronized(at: uptime))
    }

    /// When the kernel was last asked whether the clock is set, and what it said: the second, and one bit.
    private static let lastAnswer = Atomic<Int64>(-1)

    /// Asked once a second: the kernel takes a lock for it.
    private static func isSynchronized(at uptime: Int64) -> Bool {
        let second = uptime / 1000
        let last = lastAnswer.load(ordering: .relaxed)
        if last >= 0, last >> 1 == second { return last & 1 == 1 }
        let isSynchronized = clock_is_synchronized()
        lastAnswer.store(second << 1 | (isSynchronized ? 1 : 0), ordering: .relaxed)
        return isSynchronized
    }

    private func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
