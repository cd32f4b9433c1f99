import AlwaysOn
import AlwaysOnSession
import NIOCore
import Testing

@testable import EdgeCore

@Suite struct LinkStateTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func clock(
        percent: Int = 50, period: TimeAmount = .seconds(10), delay: TimeAmount = .zero, idle: TimeAmount = .milliseconds(50)
    ) -> DutyCycleClock {
        var settings = GatewayConfiguration.DutyCycle()
        settings.percent = percent
        settings.period = period
        settings.delay = delay
        return DutyCycleClock(settings, idleTime: idle)
    }

    @Test("ems 48: on for its part, off for the rest") func dutyCycle() {
        var clock = clock()
        clock.connected(now: start)
        #expect(clock.check(now: start, isBusy: false) == .stay(lookAgain: start + .seconds(5)))
        #expect(clock.check(now: start + .seconds(5), isBusy: false) == .leave(for: .seconds(5)))
        clock.connected(now: start + .seconds(10))
        #expect(clock.check(now: start + .seconds(11), isBusy: false) == .stay(lookAgain: start + .seconds(15)))
    }

    @Test func trafficThePlatformAndRunningRequestsHoldIt() {
        var clock = clock(delay: .seconds(2), idle: .milliseconds(100))
        clock.connected(now: start)
        clock.heardPlatform(now: start + .seconds(4))
        let end = start + .seconds(5)
        #expect(clock.check(now: end, isBusy: false) == .stay(lookAgain: start + .seconds(6)))
        #expect(clock.check(now: start + .seconds(6), isBusy: true) == .stay(lookAgain: start + .milliseconds(6100)))
        clock.traffic(now: start + .milliseconds(6050))
        #expect(clock.check(now: start + .milliseconds(6100), isBusy: false) == .stay(lookAgain: start + .milliseconds(6150)))
        #expect(clock.check(now: start + .milliseconds(6150), isBusy: false) == .leave(for: .seconds(5)))
    }

    @Test func aLocalRequestInterruptsARestAndTheRestGoesOn() {
        var clock = clock(delay: .seconds(60))
        clock.connected(now: start)
        #expect(clock.check(now: start + .seconds(5), isBusy: false) == .leave(for: .seconds(5)))
        // Two seconds into the rest.
        clock.connected(now: start + .seconds(7))
        clock.heardPlatform(now: start + .milliseconds(7100))
        #expect(clock.check(now: start + .milliseconds(7100), isBusy: false) == .stay(lookAgain: start + .milliseconds(7150)))
        #expect(clock.check(now: start + .milliseconds(7150), isBusy: false) == .leave(for: .milliseconds(2850)))
        // After it, a whole cycle begins.
        clock.connected(now: start + .seconds(10))
        #expect(clock.check(now: start + .seconds(10), isBusy: false) == .stay(lookAgain: start + .seconds(15)))
    }

    @Test("ems 46: servers in order, all of them before a pause, the first again after it") func servers() {
        var servers = ServerSelection(count: 3)
        #expect(servers.better.isEmpty)
        #expect(servers.failed() && servers.current == 1 && servers.better == 0..<1)
        #expect(servers.failed() && servers.current == 2)
        #expect(!servers.failed() && servers.current == 0)
        _ = servers.failed()
        servers.succeeded()
        // Lost after it was there: the next one, and round to the first.
        #expect(servers.failed() && servers.current == 2)
        #expect(servers.failed() && servers.current == 0)
        servers.use(0)
        var one = ServerSelection(count: 1)
        #expect(!one.failed() && one.current == 0)
    }

    @Test func changedConfiguredThings() {
        func thing(_ name: String, port: Int = 1, gateway: Bool = false) -> EdgeThing {
            var thing = EdgeThing(name: name)
            thing.port = port
            thing.isGateway = gateway
            return thing
        }
        var registry = Registry(autoBind: [thing("A"), thing("B"), thing("G", gateway: true)])
        _ = registry.online()
        for name in ["A", "B"] { _ = registry.answered(Bind(names: [name]), Response(.success)) }
        _ = registry.answered(Bind(gateway: .init(name: "G"), names: []), Response(.success))
        _ = registry.register(thing("B", port: 9))
        let actions = registry.configure([thing("A", port: 5), thing("C"), thing("G")])
        // A keeps its binding, B lives on as what registered it, G becomes a device, C is new.
        #expect(registry.thing("A")?.port == 5 && registry.binding("A") == .bound)
        #expect(registry.thing("B")?.port == 9 && registry.thing("C") != nil && !registry.isGatewayAlias("G"))
        #expect(actions.contains(.unbind([Bind(gateway: .init(name: "G"), names: [])])))
        #expect(actions.contains(.bind([Bind(names: ["C"])])) && actions.contains(.bind([Bind(names: ["G"])])))
        #expect(!actions.contains(.unbind([Bind(names: ["A"])])))
    }
}
