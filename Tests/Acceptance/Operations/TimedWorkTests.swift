import TestKit
import Testing

@testable import edgectl

/// A check ends, whatever hangs.
@Suite struct TimedWorkTests {
    @Test func whatHangsIsSaidAndNotWaitedFor() async {
        let began = ContinuousClock.now
        let (never, end) = AsyncStream.makeStream(of: Int.self)
        defer { end.finish() }
        let findings = await TimedWork.all(
            [
                ("quick", { [CheckFinding("quick", .good, "is well")] }),
                // A name server, a disk: it does not end, and hears of no cancellation.
                (
                    "stuck",
                    {
                        for await _ in never {}
                        return []
                    }
                ),
                ("late", { [CheckFinding("late", .warning, "could be better", do: "better")] }),
            ], until: began + .milliseconds(200)
        ) { _ in }
        #expect(findings.map(\.area) == ["quick", "stuck", "late"])
        #expect(findings[1].severity == .error && findings.exitStatus == 2)
        #expect(ContinuousClock.now - began >= .milliseconds(200))
    }

    @Test("words of a peer move no cursor") func controlCharacters() {
        let finding = CheckFinding("bind", .error, "refused: \u{1B}[2J\u{9B}31m\r\nall is well", do: "look")
        #expect(
            !finding.line.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" } && !finding.text.contains("\n")
                && !finding.text.contains("\u{9B}"))
    }
}
