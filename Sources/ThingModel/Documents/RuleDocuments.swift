package import Formats

extension AddressRange {
    /// Ranges with commas between them.
    package static func list(_ text: String, _ path: String) throws(DocumentFailure) -> [AddressRange] {
        var ranges: [AddressRange] = []
        for item in text.split(separator: ",") {
            let item = String(item.drop { $0 == " " }.prefix { $0 != " " })
            guard let range = AddressRange(item) else {
                throw DocumentFailure(path, "expected an address or a range such as 10.0.0.0/8, found \"\(item)\"")
            }
            ranges.append(range)
        }
        return ranges
    }
}

extension AccessRule {
    package var document: JSONValue {
        [
            "principal": .string(holder.name), "principalType": holder.isGroup ? "Group" : "User",
            "entities": .array(entities.map { .string($0.text) }),
            "collection": kind.map { .string($0.rawValue) } ?? "*", "instances": .bool(isForInstances), "resource": .string(resource),
            "rights": .array(rights.map(\.rawValue).sorted().map { .string($0) }), "allow": .bool(allows),
        ]
    }

    /// - Throws: `DocumentFailure`, with what was expected.
    package init(document: JSONValue) throws(DocumentFailure) {
        guard let object = document.object, let principal = object.string("principal"), !principal.isEmpty else {
            throw DocumentFailure("principal", "expected the name of a user or group")
        }
        var rights: Set<Right> = []
        for word in object["rights"]?.array ?? [] {
            guard let found = word.string.flatMap({ Right.named($0) }) else {
                throw DocumentFailure("rights", "expected some of \(Right.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            rights.formUnion(found)
        }
        let collection = object.string("collection") ?? "Things"
        let kind = EntityKind(collection: collection)
        guard kind != nil || collection == "*" else { throw DocumentFailure("collection", "there is no collection \(collection)") }
        let names = object["entities"]?.array?.compactMap(\.string) ?? []
        guard !names.isEmpty, !rights.isEmpty else { throw DocumentFailure(names.isEmpty ? "entities" : "rights", "expected at least one") }
        let isGroup = object.string("principalType") == "Group"
        self.init(
            holder: isGroup ? .group(principal) : .user(principal), entities: names.map { NamePattern($0) }, kind: kind, rights: rights)
        isForInstances = object["instances"]?.looseBool ?? false
        resource = object.string("resource") ?? "*"
        allows = object["allow"]?.looseBool ?? true
    }
}

extension PlatformModel {
    /// Takes over what a store kept. What cannot be read is named and left out.
    package mutating func take(_ stored: StoredModel) -> [String] {
        var complaints: [String] = []
        // What others refer to comes first; templates, in the order in which they come from each other.
        let order: [String] = [EntityKind.dataShape, .thingShape, .thingTemplate, .project, .user, .group, .applicationKey, .thing].map(
            \.rawValue)
        var open = stored.entities.filter { order.contains($0.collection) }.sorted {
            (order.firstIndex(of: $0.collection) ?? 0, $0.name) < (order.firstIndex(of: $1.collection) ?? 0, $1.name)
        }
        var failures: [String] = []
        repeat {
            failures = []
            var left: [EntityWrite] = []
            for write in open {
                guard let kind = EntityKind(rawValue: write.collection), let text = write.document else { continue }
                do {
                    try put(document: try JSONValue(parsing: text), as: EntityRef(kind, write.name), isTrusted: true)
                } catch {
                    left.append(write)
                    failures.append("\(write.collection)/\(write.name): \(error)")
                }
            }
            guard left.count < open.count else { break }
            open = left
        } while !open.isEmpty
        if !open.isEmpty { complaints += failures }
        for write in stored.entities where write.collection == EntityWrite.rules {
            guard let number = Int(write.name), let text = write.document, let json = try? JSONValue(parsing: text),
                let rule = try? AccessRule(document: json)
            else {
                complaints.append("access rule \(write.name) cannot be read")
                continue
            }
            access.add(rule, number: number)
        }
        for (property, value) in stored.values where things[property.thing] != nil {
            _ = values.keep(value, of: property.property, thing: property.thing)
        }
        forgetChanges()
        return complaints
    }
}
