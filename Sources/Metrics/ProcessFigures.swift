import Glibc

/// What the system knows of this process, under the names that Prometheus' own clients use.
package struct ProcessFigures: Sendable {
    /// Seconds of processor time.
    package var processorTime = 0.0
    /// Bytes.
    package var residentMemory = 0
    package var openFiles = 0
    package var mostFiles = 0
    /// Seconds since 1970.
    package var startTime = 0.0

    /// As it is now. What the system does not tell is 0.
    package init() {
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            for time in [usage.ru_utime, usage.ru_stime] { processorTime += Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        }
        let pages = ProcessFigures.words("/proc/self/statm")
        if pages.count > 1 { residentMemory = (Int(pages[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) }
        openFiles = ProcessFigures.countOfFiles()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 { mostFiles = Int(clamping: limit.rlim_cur) }
        startTime = ProcessFigures.start
    }

    package func write(to text: inout MetricsText) {
        text.add(.counter, "process_cpu_seconds_total", "Processor time of the program, in seconds.", processorTime)
        text.add(.gauge, "process_resident_memory_bytes", "Memory of the program that is in the machine's memory.", residentMemory)
        text.add(.gauge, "process_open_fds", "Open file descriptors.", openFiles)
        text.add(.gauge, "process_max_fds", "How many file descriptors may be open.", mostFiles)
        text.add(.gauge, "process_start_time_seconds", "When the program started, in seconds since 1970.", startTime)
    }

    private static let start: Double = {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        // The command's name, in parentheses, may hold blanks.
        let fields = words("/proc/self/stat", after: ")")
        let boot = words("/proc/stat", after: "btime ")
        guard fields.count > 19, let started = Double(fields[19]), let booted = boot.first.flatMap({ Double($0) }) else { return 0 }
        return booted + started / ticks
    }()

    private static func countOfFiles() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the directory itself.
        return max(count - 3, 0)
    }

    private static func words(_ path: String, after mark: String? = nil) -> [Substring] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        var text = Substring(decoding: bytes[..<count], as: UTF8.self)
        if let mark {
            let mark = Array(mark.utf8)
            let utf8 = Array(text.utf8)
            guard let place = (0...max(utf8.count - mark.count, 0)).last(where: { utf8[$0...].starts(with: mark) }) else { return [] }
            text = Substring(decoding: utf8[(place + mark.count)...], as: UTF8.self)
        }
        return text.split(whereSeparator: { $0 == " " || $0 == "\n" || $0 == "\t" })
    }
}
