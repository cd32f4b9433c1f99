import Metrics
import NIOCore
import Testing

@Suite struct MetricsTextTests {
    private func text(_ body: (inout MetricsText) -> Void) -> String {
        var text = MetricsText()
        body(&text)
        return String(buffer: text.body)
    }

    @Test func familiesAreWrittenWhole() {
        let found = text { text in
            text.add(.gauge, "a_bytes", "Help with \\ and\nline end.", 12)
            text.family(.counter, "b_total", "B.") { family in
                family.sample(["x": "1", "y": "quote \" back \\ line\nend"], 3)
                family.sample([:], 0.5)
            }
        }
        #expect(
            found == """
                # HELP a_bytes Help with \\\\ and\\nline end.
                # TYPE a_bytes gauge
                a_bytes 12
                # HELP b_total B.
                # TYPE b_total counter
                b_total{x="1",y="quote \\" back \\\\ line\\nend"} 3
                b_total 0.5

                """)
    }

    @Test("a combining character behind a quote does not hide it") func quotesAreBytes() {
        let found = text { $0.family(.gauge, "a", "A.") { $0.sample(["x": "\"\u{301}"], 1) } }
        #expect(found.utf8.elementsEqual("# HELP a A.\n# TYPE a gauge\na{x=\"\\\"\u{301}\"} 1\n".utf8))
    }

    @Test func histogramsCountUpwards() {
        var histogram = Histogram()
        for time in [TimeAmount.nanoseconds(-5), .microseconds(400), .microseconds(500), .microseconds(501), .seconds(29), .seconds(31)] {
            histogram.observe(time)
        }
        let found = text { text in text.family(.histogram, "h_seconds", "H.") { $0.histogram(["d": "x"], histogram) } }
        #expect(found.contains(#"h_seconds_bucket{d="x",le="0.0005"} 3"#) && found.contains(#"h_seconds_bucket{d="x",le="0.001"} 4"#))
        #expect(found.contains(#"h_seconds_bucket{d="x",le="30"} 5"#) && found.contains(#"h_seconds_bucket{d="x",le="+Inf"} 6"#))
        #expect(found.contains(#"h_seconds_count{d="x"} 6"#) && histogram.count == 6)
        #expect(zip(Histogram.bounds, Histogram.bounds.dropFirst()).allSatisfy { $0 * 2 <= $1 })
    }

    @Test func statusesOfStrangersMakeNoSeries() {
        var figures = RequestFigures()
        for status in [200, 200, 404, -1, 100_000, 0] {
            figures.began()
            figures.ended(status, after: .zero)
        }
        #expect(figures.answered == [200: 2, 404: 1, 599: 3] && figures.inFlight == 0)
    }

    @Test func theProcessIsSeen() {
        let figures = ProcessFigures()
        #expect(figures.residentMemory > 1 << 20 && figures.openFiles > 2 && figures.mostFiles >= figures.openFiles)
        #expect(figures.startTime > 1_600_000_000 && figures.processorTime > 0)
    }
}
