package import NIOCore

/// What a store holds at most, and for how long.
package struct StoreLimits: Sendable, Equatable {
    package enum WhenFull: Sendable, Equatable {
        case refuseNewest
        case dropOldest
    }

    /// Bytes of all messages together, with what surrounds them on disk.
    package var maximumSize = 65_535
    /// nil: for ever. In milliseconds.
    package var maximumAge: Int64?
    package var whenFull = WhenFull.refuseNewest

    package init() {}

    /// A file is closed at this size, and removed when nothing in it is wanted any more.
    var segmentSize: Int { min(max(maximumSize / 16, 16_384), 16 << 20) }
}

/// A message that is to be stored.
package struct NewMessage: Sendable {
    /// Messages of one key keep their order. At most 65,535 bytes.
    package var key: String
    /// A byte of the owner's.
    package var label: UInt8
    package var payload: ByteBuffer
    package var time: StoredTime

    package init(key: String, label: UInt8 = 0, payload: ByteBuffer, time: StoredTime) {
        self.key = key
        self.label = label
        self.payload = payload
        self.time = time
    }
}

/// A message that was stored.
package struct StoredMessage: Sendable {
    /// Where it lies.
    package struct Place: Sendable, Hashable, Comparable {
        package var segment: UInt64
        package var sequence: UInt64

        package init(segment: UInt64, sequence: UInt64) {
            self.segment = segment
            self.sequence = sequence
        }

        package static func < (left: Place, right: Place) -> Bool { left.sequence < right.sequence }
    }

    package var place: Place
    package var key: String
    package var label: UInt8
    package var time: StoredTime
    /// Whether the machine has not been started anew since: then `time.uptime` compares with that of now.
    package var isOfThisBoot: Bool
    package var payload: ByteBuffer
    /// Bytes that it takes of the store.
    package var size: Int

    package init(place: Place, key: String, label: UInt8, time: StoredTime, isOfThisBoot: Bool, payload: ByteBuffer, size: Int) {
        self.place = place
        self.key = key
        self.label = label
        self.time = time
        self.isOfThisBoot = isOfThisBoot
        self.payload = payload
        self.size = size
    }
}

/// What happened to a store that its owner is to say in the log.
package enum StoreReport: Sendable, Equatable {
    /// Something could not be read and was set aside. `messages`: how many it held; nil where nothing tells.
    case damaged(messages: Int?, bytes: Int, file: String)
    /// The end of a file was not written whole, as after a power cut.
    case torn(bytes: Int, file: String)
    /// Messages that were sealed with a key that is not there.
    case unopened(messages: Int, file: String)
    /// A file of another version.
    case foreign(file: String)
    /// What should have been done and did not work, and does no harm yet.
    case failed(String)
}
