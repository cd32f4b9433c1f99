import ArgumentParser
import EdgeCore
import Formats
import Glibc
import NIOCore
import ProgramSupport
import Secrets
import Settings

/// All that somebody needs who is to find out from afar what is wrong, in one file, without secrets.
struct SupportBundleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "support-bundle", abstract: "Gather check, configuration, logs, status, metrics and versions into one tar.gz.",
        discussion: """
            To be run where the gateway runs, in its working directory, as its user; the gateway may be down. Secrets of the configuration are left out, and \
            taken out of everything else. Look at it before you pass it on: names of Things and hosts are in it.
            """)

    @OptionGroup var place: CheckPlace
    @Option(name: .shortAndLong, help: "The file; without it edge-support-<host>-<time>.tar.gz here.")
    var output: String?

    func run() async throws {
        let time = UTCTime(milliseconds: WallClock.milliseconds())
        let path = output ?? "edge-support-\(SupportBundle.hostName)-\(time.iso8601.prefix(19).filter { $0 != "-" && $0 != ":" }).tar.gz"
        let bundle = await SupportBundle.gather(place) { ProgressNote.show($0) }
        ProgressNote.clear()
        var archive = TarArchive(time: Int(time.milliseconds / 1000))
        for (name, content) in bundle.files { archive.add("edge-support/\(name)", content) }
        guard let bytes = archive.compressed() else { throw ValidationError("there is no memory for the archive") }
        try AtomicFile.replace(path, with: Array(bytes.readableBytesView))
        Console.line("\(path): \(bundle.files.count) files, \(ProgressLine.bytes(Double(bytes.readableBytes)))")
        for (name, content) in bundle.files { Console.line("  \(name) (\(ProgressLine.bytes(Double(content.readableBytes))))") }
    }
}
