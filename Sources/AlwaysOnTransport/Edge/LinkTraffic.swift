/// AlwaysOn messages that went over connections, and their bytes before compression.
package struct LinkTraffic: Sendable, Equatable {
    package struct Way: Sendable, Equatable {
        package private(set) var messages = 0
        package private(set) var bytes = 0

        mutating func add(_ bytes: Int) {
            messages += 1
            self.bytes += bytes
        }

        static func + (left: Way, right: Way) -> Way {
            var sum = left
            sum.messages += right.messages
            sum.bytes += right.bytes
            return sum
        }
    }

    package internal(set) var sent = Way()
    package internal(set) var received = Way()

    package init() {}

    package static func + (left: LinkTraffic, right: LinkTraffic) -> LinkTraffic {
        var sum = LinkTraffic()
        sum.sent = left.sent + right.sent
        sum.received = left.received + right.received
        return sum
    }
}
