package import AlwaysOn

/// Which right each request needs: the one table for REST and AlwaysOn. Every way to a value asks for the right to that value.
package enum ServiceRights {
    /// Services that the platform answers for a Thing itself.
    package static let ofThings: [String: Right] = [
        "GetPropertyValues": .read,
        "GetPropertySubscriptions": .read,
        "IsConnected": .read,
        "UpdateSubscribedPropertyValues": .write,
    ]

    /// Services of the resource `EntityServices`, on the Thing that they name.
    package static let ofEntities: [String: Right] = ["CreateThing": .design, "DeleteThing": .design]

    /// nil where the method does not go with the characteristic.
    package static func right(for request: Request) -> Right? {
        switch (request.characteristic, request.method) {
        case (.property, .get): .read
        case (.property, .put): .write
        // What the table does not name runs at the edge.
        case (.service, .post): ofThings[request.name] ?? .invoke
        case (.event, .post): .fire
        default: nil
        }
    }
}
