import Formats
import TestKit
import Testing

/// The time as HTTP tells it (RFC 9110 §5.6.7).
@Suite struct HTTPDateTests {
    @Test func knownDates() {
        for (milliseconds, text) in [
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_709_210_096_000, "Thu, 29 Feb 2024 12:34:56 GMT"), (-86_400_000, "Wed, 31 Dec 1969 00:00:00 GMT"),
        ] as [(Int64, String)] {
            #expect(UTCTime(milliseconds: milliseconds).imfFixdate == text)
            #expect(UTCTime(imfFixdate: text)?.milliseconds == milliseconds)
        }
    }

    @Test func everyTimeComesBack() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let time = Int64.random(in: -62_135_596_800...253_402_300_799, using: &generator) * 1000
            #expect(UTCTime(imfFixdate: UTCTime(milliseconds: time).imfFixdate)?.milliseconds == time)
        }
    }

    @Test func whatIsNoDateIsNone() {
        for text in [
            "", "Sun", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:00:00 GMT", "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT", String(repeating: " ", count: 100_000),
            "Sun, \u{660}6 Nov 1994 08:49:37 GMT",
        ] { #expect(UTCTime(imfFixdate: text) == nil, "\(text.prefix(40))") }
    }
}
