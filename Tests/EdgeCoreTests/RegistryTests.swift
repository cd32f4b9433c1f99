import AlwaysOn
import NIOCore
import Testing

@testable import EdgeCore

@Suite struct RegistryTests {
    func thing(_ name: String, port: Int = 8001, persist: Bool = false) -> EdgeThing {
        var thing = EdgeThing(name: name)
        thing.port = port
        thing.persist = persist
        return thing
    }

    @Test func bindsWhatWasRegisteredOffline() {
        var configured = thing("A")
        configured.isGateway = true
        var registry = Registry(autoBind: [configured, thing("B")])
        #expect(registry.register(thing("*C")) == [])
        #expect(registry.online() == [.bind([Bind(gateway: .init(name: "A"), names: []), Bind(names: ["*C", "B"])])])
        #expect(registry.register(thing("D")) == [.bind([Bind(names: ["D"])])])
        #expect(registry.answered(Bind(names: ["*C", "B"]), Response(.success)) == [])
        #expect(registry.binding("B") == .bound && registry.binding("D") == .binding)
        // Registering again changes the data and binds nothing anew.
        #expect(registry.register(thing("*C", port: 9)) == [])
        #expect(registry.thing("C")?.port == 9 && registry.thing("*C")?.port == 9)
        #expect(registry.names == ["*C", "B", "D"] && registry.isGatewayAlias("A") && !registry.contains("A"))
    }

    @Test func bindsAllAgainAfterALoss() {
        var registry = Registry(autoBind: [thing("A")])
        _ = registry.online()
        _ = registry.answered(Bind(names: ["A"]), Response(.success))
        registry.offline()
        #expect(registry.binding("A") == .unbound)
        #expect(registry.online() == [.bind([Bind(names: ["A"])])])
    }

    @Test func aRefusedBatchIsHalvedUntilTheNameIsFound() {
        let names = (0..<7).map { "T\($0)" }
        var registry = Registry(autoBind: names.map { thing($0) })
        var open = registry.online()
        var refused: [String] = []
        while let action = open.popLast() {
            switch action {
            case .bind(let binds):
                for bind in binds {
                    open += registry.answered(bind, bind.names.contains("T4") ? Response(.forbidden, reason: "no") : Response(.success))
                }
            case .refused(let name, _, let again): refused.append("\(name) \(again)")
            case .unbind: Issue.record("nothing was to be unbound")
            }
        }
        #expect(refused == ["T4 false"])
        #expect(registry.boundCount == 6)
        #expect(registry.retryRefused() == [.bind([Bind(names: ["T4"])])])
        #expect(registry.answered(Bind(names: ["T4"]), Response(.forbidden)) == [.refused("T4", Response(.forbidden), again: true)])
    }

    @Test func aLostHostUnbindsWhatItRegistered() {
        var registry = Registry(autoBind: [thing("Configured")])
        _ = registry.online()
        for name in ["A", "B", "P"] { _ = registry.register(thing(name, persist: name == "P")) }
        _ = registry.register(thing("Configured"))
        _ = registry.register(thing("Elsewhere", port: 9))
        let (names, actions) = registry.lost(DeviceHost(host: "localhost", port: 8001, isTLS: false))
        #expect(names == ["A", "B", "Configured", "P"])
        #expect(actions == [.unbind([Bind(names: ["A", "B", "P"])])])
        // What was configured stays bound, what is persistent comes back, the others are gone.
        #expect(registry.names == ["Configured", "Elsewhere", "P"])
        #expect(registry.found(DeviceHost(host: "localhost", port: 8001, isTLS: false)) == [.bind([Bind(names: ["P"])])])
    }

    @Test func removingUnbinds() {
        var registry = Registry()
        _ = registry.online()
        _ = registry.register(thing("A"))
        #expect(registry.remove("B") == nil)
        #expect(registry.remove("A") == [.unbind([Bind(names: ["A"])])])
        #expect(registry.thing("A") == nil)
    }

    @Test func anOrderlyStopUnbindsAll() {
        var registry = Registry(autoBind: [thing("A"), thing("B")])
        _ = registry.online()
        #expect(registry.unbindAll() == [.unbind([Bind(names: ["A", "B"])])])
    }
}

@Suite struct DeviceMonitorTests {
    let host = DeviceHost(host: "localhost", port: 8001, isTLS: false)
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func aDeadHostIsLostWithinItsInterval() {
        var monitor = DeviceMonitor()
        monitor.watch(host, interval: .seconds(10), now: start)
        #expect(monitor.due(start + .seconds(4)).isEmpty)
        #expect(monitor.due(start + .seconds(5)).map(\.host) == [host])
        // Under way: not asked again.
        #expect(monitor.due(start + .seconds(6)).isEmpty)
        #expect(monitor.checked(host, answered: false, now: start + .seconds(7)) == .nothing)
        #expect(monitor.nextDeadline == start + .seconds(8))
        _ = monitor.due(start + .seconds(8))
        #expect(monitor.checked(host, answered: false, now: start + .seconds(9)) == .lost(host))
        // It is said once, and the host goes on being asked.
        _ = monitor.due(monitor.nextDeadline)
        #expect(monitor.checked(host, answered: false, now: start + .seconds(15)) == .nothing)
        _ = monitor.due(monitor.nextDeadline)
        #expect(monitor.checked(host, answered: true, now: start + .seconds(20)) == .found(host))
    }

    @Test func oneFailureAloneIsForgiven() {
        var monitor = DeviceMonitor()
        monitor.watch(host, interval: .seconds(10), now: start)
        _ = monitor.due(start + .seconds(5))
        _ = monitor.checked(host, answered: false, now: start + .seconds(5))
        _ = monitor.due(start + .seconds(6))
        #expect(monitor.checked(host, answered: true, now: start + .seconds(6)) == .nothing)
        _ = monitor.due(start + .seconds(11))
        #expect(monitor.checked(host, answered: false, now: start + .seconds(11)) == .nothing)
    }

    @Test func suspicionBringsTheCheckForward() {
        var monitor = DeviceMonitor()
        monitor.watch(host, interval: .seconds(60), now: start)
        monitor.suspect(host, now: start + .seconds(1))
        #expect(monitor.nextDeadline == start + .seconds(1))
    }

    @Test func theShortestIntervalCounts() {
        var monitor = DeviceMonitor()
        monitor.watch(host, interval: .seconds(60), now: start)
        monitor.watch(host, interval: .seconds(2), now: start)
        #expect(monitor.nextDeadline == start + .seconds(1))
        monitor.forget(host)
        #expect(monitor.nextDeadline == .distantFuture)
    }
}

@Suite struct ReconnectTests {
    @Test func growsWithJitterUpToTheCap() {
        var reconnect = Reconnect(interval: .seconds(10), retries: -1)
        #expect(reconnect.failed(random: 1) == .retry(after: .seconds(10)))
        #expect(reconnect.failed(random: 1) == .retry(after: .seconds(20)))
        #expect(reconnect.failed(random: 0) == .retry(after: .seconds(10)))
        for _ in 0..<100 { _ = reconnect.failed(random: 1) }
        #expect(reconnect.failed(random: 1) == .retry(after: .seconds(60)))
        #expect(reconnect.failed(random: 0.5) == .retry(after: .seconds(35)))
        reconnect.succeeded()
        #expect(reconnect.failed(random: 1) == .retry(after: .seconds(10)))
    }

    @Test func aRefusedKeyWaitsForTheCap() {
        var reconnect = Reconnect(interval: .seconds(1), retries: -1)
        #expect(reconnect.refused() == .retry(after: .seconds(30)))
    }

    @Test func retriesAreCounted() {
        var reconnect = Reconnect(interval: .seconds(1), retries: 2)
        #expect(reconnect.failed(random: 0) == .retry(after: .seconds(1)))
        #expect(reconnect.failed(random: 0) == .retry(after: .seconds(1)))
        #expect(reconnect.failed(random: 0) == .giveUp)
    }
}
