import AlwaysOn
@testable import EdgeCore
import MessageStore
import NIOCore
import Testing

@Suite struct StoredRequestTests {
    private func request(
        _ method: AlwaysOn.Method, _ characteristic: Characteristic, _ name: String, entity: EntityType = .thing
    ) -> Request {
        Request(method, entityType: entity, "T", characteristic, name)
    }

    @Test func whatMayBeRepeatedIsStored() {
        let stored = [
            request(.put, .property, "n"), request(.post, .event, "Alarm"), request(.post, .service, "UpdateSubscribedPropertyValues"),
            request(.post, .service, "UpdatePropertyValues"), request(.post, .service, "LogBatch"),
        ]
        for request in stored { #expect(StoredRequest.isStorable(request, services: ["LogBatch"])) }
        let others = [
            request(.get, .property, "n"), request(.delete, .property, "n"), request(.post, .service, "Restart"),
            request(.post, .service, "GetPropertySubscriptions"), request(.put, .property, "n", entity: .resource),
        ]
        for request in others { #expect(!StoredRequest.isStorable(request, services: ["LogBatch"])) }
        #expect(!StoredRequest.isStorable(stored[4], services: []))
    }

    private func message(at time: StoredTime, isOfThisBoot: Bool = true) -> StoredMessage {
        StoredMessage(
            place: .init(segment: 1, sequence: 1), key: "T", label: 0, time: time, isOfThisBoot: isOfThisBoot, payload: ByteBuffer(),
            size: 1)
    }

    @Test func aTimeOfBeforeTheClockWasSetIsPutRight() {
        // Stored 5 s after the start, when the clock stood at 1970; now it is a minute later and set.
        let before = StoredTime(wall: 5_000, uptime: 5_000, isSynchronized: false)
        let now = StoredTime(wall: 1_700_000_060_000, uptime: 65_000, isSynchronized: true)
        #expect(StoredRequest.timeField(of: message(at: before), now: now).value == "1700000000000")
        // Still not set, or set after the machine was started anew: it can be told.
        let still = StoredTime(wall: 65_000, uptime: 65_000, isSynchronized: false)
        #expect(StoredRequest.timeField(of: message(at: before), now: still).value == "5000 unsynchronized")
        #expect(StoredRequest.timeField(of: message(at: before, isOfThisBoot: false), now: now).value == "5000 unsynchronized")
        let right = StoredTime(wall: 1_600_000_000_000, uptime: 1, isSynchronized: true)
        #expect(StoredRequest.timeField(of: message(at: right), now: now).value == "1600000000000")
    }
}
