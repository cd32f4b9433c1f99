import AlwaysOn

/// What every platform has (platform.md §8).
extension PlatformModel {
    package static let defaultStream = "DefaultValueStream"

    /// What a gateway does itself (platform.md §12), under the names that it has for it.
    private static let gatewayServices = atEdge([
        ("GetMicroServerVersion", "The gateway's version", "GetMicroserverVersion", [], .string),
        ("GetEdgeThings", "Things that are registered with the gateway", nil, [], .infotable),
        (
            "GetLogData", "Lines of the gateway's log", nil, [("startDate", .datetime), ("endDate", .datetime), ("maxItems", .integer)],
            .infotable
        ),
        ("TestPort", "Whether the gateway reaches a port", nil, [("host", .string), ("port", .integer)], .boolean),
        ("Restart", "Starts the gateway anew", nil, [], .nothing),
    ])

    /// Definitions of services with a remote binding.
    private static func atEdge(
        _ all: [(name: String, text: String, source: String?, parameters: [(String, BaseType)], result: BaseType)]
    ) -> [String: ServiceDefinition] {
        var services: [String: ServiceDefinition] = [:]
        for one in all {
            var service = ServiceDefinition()
            service.description = one.text
            service.parameters = one.parameters.map { .init($0.0, $0.1) }
            service.result.baseType = one.result
            service.remote = RemoteServiceBinding(sourceName: one.source ?? one.name)
            services[one.name] = service
        }
        return services
    }

    /// What a Thing with files does at its edge (platform.md §12).
    private static let fileServices: [String: ServiceDefinition] = {
        let path: [(String, BaseType)] = [("path", .string)]
        let mask = path + [("nameMask", .string)]
        let move: [(String, BaseType)] = [("sourcePath", .string), ("targetPath", .string), ("overwrite", .boolean)]
        return atEdge([
            ("BrowseFileSystem", "Files and directories", "BrowseDirectory", mask, .infotable),
            ("BrowseDirectory", "Files and directories", nil, mask, .infotable),
            ("ListFiles", "Files of a directory", nil, mask, .infotable),
            ("GetFileListing", "Files of a directory", "ListFiles", mask, .infotable),
            ("ListDirectories", "Directories of a directory", nil, path, .infotable),
            ("GetDirectoryStructure", "All directories", nil, [], .infotable),
            ("GetFileInfo", "A file", nil, path, .infotable), ("GetFileChecksum", "MD5 of a file", nil, path, .string),
            ("DeleteFile", "Deletes a file", nil, path, .nothing), ("MoveFile", "Moves a file", nil, move, .nothing),
        ])
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
            if name.hasPrefix("RemoteThing"), name.hasSuffix("FileTransfer") { template.own.services = PlatformModel.fileServices }
            templates[name] = template
        }
        var edgeControlled = ThingShape(name: "EdgeControlled")
        edgeControlled.about = EntityAbout(description: "Files wait until the Thing asks for them (DequeueEgress)", isSystem: true)
        shapes[edgeControlled.name] = edgeControlled
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
