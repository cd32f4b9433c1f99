import AlwaysOn

/// What every platform has (platform.md §8).
extension PlatformModel {
    package static let defaultStream = "DefaultValueStream"

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
