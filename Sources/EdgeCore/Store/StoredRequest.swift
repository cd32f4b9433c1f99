package import AlwaysOn
import MessageStore
package import NIOCore

/// A request as it lies in the store: its wire form, with its identity in its headers.
package struct StoredRequest: Sendable {
    /// What the label of a stored message says without its content being read.
    package struct Label: OptionSet, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// A push: may be joined with others.
        static let push = Label(rawValue: 1)
        /// Its Thing was bound through this gateway: it waits until it is again.
        static let isOfBoundThing = Label(rawValue: 2)
    }

    package static let pushService = "UpdateSubscribedPropertyValues"
    /// Why the platform refused it, for people.
    package static let refusalHeader = "X-Refused"

    /// Whether a request may be repeated, and so kept: writes and pushes of properties, events, and services that are named
    /// (ems.md §4.7).
    package static func isStorable(_ request: Request, services: [String]) -> Bool {
        guard request.entityType == .thing, !request.entityName.isEmpty else { return false }
        return switch (request.characteristic, request.method) {
        case (.property, .put), (.event, .post): true
        case (.service, .post): request.name == pushService || request.name == "UpdatePropertyValues" || services.contains(request.name)
        default: false
        }
    }

    static func label(of request: Request, isOfBoundThing: Bool) -> Label {
        var label: Label = isOfBoundThing ? .isOfBoundThing : []
        if request.characteristic == .service, request.name == pushService { label.insert(.push) }
        return label
    }

    package static func encoded(_ request: Request) -> ByteBuffer {
        Message(header: Header(code: request.method.rawValue, requestID: 0, sessionID: 0), body: .request(request)).encoded()
    }

    /// nil where the bytes are no request.
    package static func decoded(_ bytes: ByteBuffer) -> Request? {
        guard case .request(let request)? = try? Message(decoding: bytes).body else { return nil }
        return request
    }

    /// When a message was accepted, as far as is known now: a time by a clock that had not been set is put right where it has been
    /// since.
    static func time(of message: StoredMessage, now: StoredTime) -> (milliseconds: Int64, isSynchronized: Bool) {
        if message.time.isSynchronized { return (message.time.wall, true) }
        guard message.isOfThisBoot, now.isSynchronized else { return (message.time.wall, false) }
        return (now.wall - (now.uptime - message.time.uptime), true)
    }

    static func timeField(of message: StoredMessage, now: StoredTime) -> Request.HeaderField {
        let (time, isSynchronized) = time(of: message, now: now)
        return .init(name: MessageIdentity.timeHeader, value: isSynchronized ? "\(time)" : "\(time) \(MessageIdentity.unsynchronized)")
    }
}
