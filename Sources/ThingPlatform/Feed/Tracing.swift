import AlwaysOnTransport
import NIOCore
import ThingModel

/// Messages of edges, for those who watch them.
extension Platform {
    /// A new connection: its messages are told from now on where somebody wants them.
    func watch(_ connection: PlatformConnection) {
        guard feeds.hasTraces else { return }
        connection.onMessage = { [id = connection.id] bytes, isIncoming in
            self.assumeIsolated { platform in
                guard platform.feeds.hasTraces else { return platform.stopTracing() }
                platform.feeds.publish(TracedMessage(time: Platform.now(), connection: id, isIncoming: isIncoming, bytes: bytes))
            }
        }
    }

    private func stopTracing() { for edge in edges.values { edge.connection.onMessage = nil } }

    /// nil where too many watch already.
    func addFeed(_ interest: FeedInterest) -> (number: Int, feed: Feed)? {
        guard let added = feeds.add(interest, on: loop) else { return nil }
        if interest.wantsMessages { for edge in edges.values { watch(edge.connection) } }
        return added
    }

    func removeFeed(_ number: Int) {
        feeds.remove(number)
        if !feeds.hasTraces { stopTracing() }
    }

    /// What somebody wants to be told of, as far as that user may see it.
    func interest(_ principal: Principal, key: String?, kinds: Set<FeedInterest.Kind>) -> FeedInterest {
        let user = principal.user
        return FeedInterest(user: user, key: key, kinds: kinds) { thing, property in
            self.assumeIsolated { platform in
                // As it is now: rights are taken back while somebody watches.
                let principal = platform.model.principal(user)
                // What happens to no Thing is for administrators.
                return principal.isAdministrator
                    || (!thing.isEmpty && platform.model.allows(.read, on: thing, resource: property, for: principal))
            }
        }
    }
}
