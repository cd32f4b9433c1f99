import MessageStore
package import NIOCore
package import Settings

extension GatewayConfiguration {
    /// `offline_msg_store` (ems.md §2.10, §4.7); all from `sync` on are extensions.
    package struct OfflineStore: SettingsTarget, Equatable {
        package enum Sync: Sendable, Equatable {
            case batch
            case message
            case interval
        }

        package enum Order: Sendable, Equatable {
            case strict
            case liveFirst
        }

        package var isEnabled = true
        package var directory = "./offline_message_store"
        package var maximumSize = 65_535
        package var blocking = false
        package var sync = Sync.batch
        package var syncInterval = TimeAmount.milliseconds(1000)
        package var maximumAge = 0
        package var dropsOldest = false
        package var encrypts = true
        package var services: [String] = []
        package var order = Order.strict
        package var share = 50
        package var parallel = 16
        package var mergeSize = 8192
        package var tries = 3
        package var waitForThings = TimeAmount.milliseconds(30_000)
        package var drainOnStop = TimeAmount.zero

        package init() {}

        var limits: StoreLimits {
            var limits = StoreLimits()
            limits.maximumSize = maximumSize
            limits.maximumAge = maximumAge > 0 ? Int64(maximumAge) * 1000 : nil
            limits.whenFull = dropsOldest ? .dropOldest : .refuseNewest
            return limits
        }

        var storeSync: MessageStore.Sync {
            switch sync {
            case .batch: .batch
            case .message: .message
            case .interval: .interval(syncInterval)
            }
        }

        var delivery: Delivery.Settings {
            var delivery = Delivery.Settings()
            delivery.window = blocking ? 1 : parallel
            delivery.mergeSize = blocking ? 0 : mergeSize
            delivery.share = share
            delivery.tries = tries
            return delivery
        }

        package static let settings: [Setting<Self>] = [
            .bool(
                "enabled", \.isEnabled,
                "Whether requests that cannot be sent now are kept, if they may be repeated: writes and pushes of properties, and events."),
            .directory("directory", \.directory, "Where. Of one gateway alone; made where it is missing."),
            .integer(
                "max_size", \.maximumSize, in: 1...1_099_511_627_776, unit: .bytes,
                "What all of them take at most, about 60 bytes more than the request each."),
            .bool(
                "blocking", \.blocking,
                """
                `true`: one after the other is delivered, each by itself. `false`: several Things side by side, pushes of one Thing joined. \
                In both cases one is kept until the platform has answered it.
                """),
            .choice(
                "sync", \.sync, [("batch", .batch), ("message", .message), ("interval", .interval)],
                """
                When a request is said to be stored: once the disk has it together with those that came at the same time (`batch`), once the disk has it \
                by itself (`message`), or at once, the disk having it within `sync_interval` (`interval`: a power cut takes what came since).
                """),
            .milliseconds("sync_interval", \.syncInterval, "For `sync` `interval`."),
            .integer("max_age", \.maximumAge, in: 0...3_155_760_000, unit: .seconds, "What is older is thrown away. 0: nothing is."),
            .choice(
                "when_full", \.dropsOldest, [("refuse_newest", false), ("drop_oldest", true)],
                """
                Whether a request for which there is no room is refused with 503, or the oldest make room for it.
                """),
            .bool("encrypt", \.encrypts, "Whether what is stored is encrypted with the key of the configuration's secrets."),
            .strings("services", \.services, sample: ["LogBatch"], "Services of Things that may be repeated too, and are stored."),
            .choice(
                "order", \.order, [("strict", .strict), ("live_first", .liveFirst)],
                """
                `strict`: while anything of a Thing is stored, what comes for it is stored behind that. `live_first`: it is sent at once, before what is older.
                """),
            .integer(
                "share", \.share, in: 1...100, unit: .percent, "How much of the time deliveries may be under way while live requests come."),
            .integer("parallel", \.parallel, in: 1...1000, "Things that are delivered to at once."),
            .integer(
                "merge_size", \.mergeSize, in: 0...1_048_576, unit: .bytes, "Up to how much pushes of one Thing are joined; 0: not at all."),
            .integer(
                "tries", \.tries, in: 1...1000,
                "How often a request that the platform refuses (4.xx) is tried before it is set aside for `edgectl store`."),
            .milliseconds(
                "wait_for_things", \.waitForThings, from: 0,
                """
                How long deliveries to a Thing wait for its device host to register it again; then they go without.
                """),
            .milliseconds(
                "drain_on_stop", \.drainOnStop, from: 0,
                "How long an orderly stop waits for stored requests to be delivered. They are kept if they are not."),
        ]
    }
}
