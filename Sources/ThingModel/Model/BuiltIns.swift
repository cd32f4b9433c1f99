import AlwaysOn

/// What every platform has (platform.md §8).
extension PlatformModel {
    package static let defaultStream = "DefaultValueStream"

    /// What a gateway does itself (platform.md §12), under the names that it has for it.
    private static let gatewayServices: [String: ServiceDefinition] = {
        var services: [String: ServiceDefinition] = [:]
        func add(_ name: String, _ text: String, at source: String, _ parameters: [(String, BaseType)] = [], _ result: BaseType = .nothing) {
            var service = ServiceDefinition()
            service.description = text
            service.parameters = parameters.map { .init($0.0, $0.1) }
            service.result.baseType = result
            service.remote = RemoteServiceBinding(sourceName: source)
            services[name] = service
        }
        add("GetMicroServerVersion", "The gateway's version", at: "GetMicroserverVersion", [], .string)
        add("GetEdgeThings", "Things that are registered with the gateway", at: "GetEdgeThings", [], .infotable)
        add("GetLogData", "Lines of the gateway's log", at: "GetLogData", [("startDate", .datetime), ("endDate", .datetime), ("maxItems", .integer)], .infotable)
        add("TestPort", "Whether the gateway reaches a port", at: "TestPort", [("host", .string), ("port", .integer)], .boolean)
        add("Restart", "Starts the gateway anew", at: "Restart")
        return services
    }()

    mutating func addBuiltIns() {
        for (name, base, text) in [
            ("GenericThing", nil, "A Thing of the platform"), ("RemoteThing", "GenericThing", "A Thing at an edge"),
            ("RemoteThingWithFileTransfer", "RemoteThing", "A Thing at an edge that has files"),
            ("RemoteThingWithTunnels", "RemoteThing", "A Thing at an edge to which tunnels lead"),
            ("RemoteThingWithTunnelsAndFileTransfer", "RemoteThing", "A Thing at an edge with files and tunnels"),
            ("EMSGateway", "RemoteThing", "A gateway such as wsems"), ("SDKGateway", "RemoteThing", "A gateway made with an SDK"),
            ("FileRepository", "GenericThing", "Files of the platform"), ("ValueStream", "GenericThing", "History of values"),
        ] as [(String, String?, String)] {
            var template = ThingTemplate(name: name, base: base)
            template.about = EntityAbout(description: text, isSystem: true)
            if name == "EMSGateway" { template.own.services = PlatformModel.gatewayServices }
            templates[name] = template
        }
        for (name, template, text) in [
            ("SystemRepository", "FileRepository", "The platform's own repository"),
            (PlatformModel.defaultStream, "ValueStream", "History of Things that name no value stream"),
        ] {
            var thing = Thing(name: name, template: template)
            thing.about = EntityAbout(description: text, isSystem: true)
            things[name] = thing
        }
        var administrators = Group(name: Principal.administrators)
        administrators.about = EntityAbout(description: "Its members may do everything", isSystem: true)
        groups[administrators.name] = administrators
    }
}
