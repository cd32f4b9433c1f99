import NIOCore
import Testing

@testable import EdgeHTTP

@Suite struct CSRFTests {
    @Test("ems 26: the newest token and the one before it are valid") func rotation() {
        let start = NIODeadline.uptimeNanoseconds(0)
        var tokens = CSRFTokens(rotation: .minutes(10), now: start)
        func accepted(_ token: String, after time: TimeAmount) -> Bool { tokens.accepts(token, now: start + time) }
        let first = tokens.current(now: start)
        #expect(first.utf8.count == 64)
        #expect(accepted(first, after: .minutes(9)))
        let second = tokens.current(now: start + .minutes(10))
        #expect(second != first)
        #expect(accepted(first, after: .minutes(11)))
        #expect(accepted(second, after: .minutes(11)))
        let third = tokens.current(now: start + .minutes(20))
        #expect(!accepted(first, after: .minutes(20)))
        #expect(accepted(second, after: .minutes(20)))
        for wrong in ["", String(third.dropLast()), third + "0", String(third.reversed())] {
            #expect(!accepted(wrong, after: .minutes(21)))
        }
        // After a long pause nothing old is valid.
        #expect(!accepted(third, after: .hours(1)))
    }
}
