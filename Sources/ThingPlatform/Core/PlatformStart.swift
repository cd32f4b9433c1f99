import AlwaysOn
package import NIOCore
import ThingModel

/// What is done once when the platform starts.
extension Platform {
    /// Backups lie beside the database.
    package func useBackups(beside path: String?) {
        backupDirectory = path.map { $0.contains("/") ? String($0[..<($0.lastIndex(of: "/") ?? $0.endIndex)]) : "." }
    }

    /// Keeps the model that a new store was begun with.
    package func keepSeed() -> EventLoopFuture<Void> {
        keepSettings()
        return committed()
    }

    package var firstAdministrator: String? {
        model.users.values.filter { $0.isEnabled && model.groups(of: $0.name).contains(Principal.administrators) }.map(\.name).min()
    }

    /// A Thing with a property of several base types, to play with.
    package func makeDemo() -> EventLoopFuture<Void> {
        let name = "Demo"
        if model[thing: name] == nil {
            var thing = Thing(name: name, template: "GenericThing")
            thing.about = EntityAbout(description: "To play with")
            for (name, type, text) in [
                ("temperature", BaseType.number, "Degrees Celsius"), ("isRunning", .boolean, "Whether the machine runs"),
                ("pieces", .integer, "Since the shift began"),
                ("message", .string, "For the operator"), ("place", .location, "Where it stands"),
            ] {
                var property = PropertyDefinition(baseType: type)
                (property.description, property.isPersistent, property.isLogged) = (text, true, true)
                thing.own.properties[name] = property
            }
            thing.own.events["Alarm"] = EventDefinition()
            model.put(thing)
        }
        return committed()
    }
}
