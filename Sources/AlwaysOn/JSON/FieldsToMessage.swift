import NIOCore
public import Formats

/// Fields that do not describe a message: which one, and what was expected.
public struct FieldsError: Error, CustomStringConvertible {
    /// Where in the object, such as `header.code`.
    public let path: String
    /// What should stand there.
    public let expected: String

    /// Both, in one line.
    public var description: String { "\(path): expected \(expected)" }
}

extension Packet {
    /// Builds a packet from the layout that `fields` writes.
    /// - Throws: `FieldsError`.
    public init(fields: JSONValue) throws {
        let reader = FieldReader(value: fields, path: "fields")
        let header = Header(
            code: try reader.integer("code"), requestID: try reader.integer("requestId"),
            endpointID: try reader.integer("endpointId"), sessionID: try reader.integer("sessionId")
        )
        let kind = try reader.string("kind")
        if kind == "chunk" {
            self = .chunk(
                Chunk(
                    header: header, number: try reader.integer("chunkId"), count: try reader.integer("chunkCount"),
                    size: try reader.integer("chunkSize"),
                    entity: try reader.member("entityName") == nil
                        ? nil : .init(type: EntityType(rawValue: try reader.integer("entityType")), name: try reader.string("entityName")),
                    data: ByteBuffer(bytes: try reader.hex("data"))
                ))
            return
        }
        self = .message(Message(header: header, body: try Message.Body(kind: kind, header: header, reader)))
    }

    /// The bytes of the packet.
    public func encoded() -> ByteBuffer {
        switch self {
        case .message(let message): message.encoded()
        case .chunk(let chunk): chunk.encoded()
        }
    }
}

extension Message.Body {
    fileprivate init(kind: String, header: Header, _ reader: FieldReader) throws {
        switch kind {
        case "auth":
            self = .auth(
                Auth(
                    claims: try reader.list("claims", atMost: 255).map { .init(name: try $0.string("name"), value: try $0.string("value")) }
                ))
        case "bind", "unbind":
            var bind = Bind(names: try reader.list("names", atMost: 65_535).map { try $0.text() })
            if let name = reader.value["gatewayName"]?.string {
                bind.gateway = .init(name: name, type: try reader.string("gatewayType"))
            }
            self = kind == "bind" ? .bind(bind) : .unbind(bind)
        case "request":
            guard let method = Method(rawValue: header.code) else {
                throw FieldsError(path: "fields.code", expected: "1 to 4 for a request")
            }
            guard let characteristic = Characteristic(rawValue: try reader.integer("characteristic")) else {
                throw FieldsError(path: "fields.characteristic", expected: "1 to 3")
            }
            self = .request(
                Request(
                    method, entityType: EntityType(rawValue: try reader.integer("entityType")), try reader.string("entityName"),
                    characteristic, try reader.string("characteristicName"),
                    headers: try reader.list("headers").map { .init(name: try $0.string("name"), value: try $0.string("value")) },
                    content: try reader.table("params")
                ))
        case "response":
            self = .response(
                Response(Status(rawValue: header.code), reason: reader.value["reason"]?.string, content: try reader.table("content")))
        case "keepAlive": self = .keepAlive
        default: throw FieldsError(path: "fields.kind", expected: "auth, bind, unbind, request, response, chunk or keepAlive")
        }
    }
}

private struct FieldReader {
    let value: JSONValue
    let path: String

    func member(_ name: String) throws -> JSONValue? {
        switch value[name] {
        case nil, .null?: nil
        case let found?: found
        }
    }

    func child(_ name: String) throws -> FieldReader {
        FieldReader(value: value[name] ?? .null, path: "\(path).\(name)")
    }

    func fail(_ expected: String) -> FieldsError { FieldsError(path: path, expected: expected) }

    func integer<T: FixedWidthInteger>(_ name: String) throws -> T {
        let child = try child(name)
        guard case .number(let text) = child.value, let number = T(text) else {
            throw child.fail("a whole number from \(T.min) to \(T.max)")
        }
        return number
    }

    func text() throws -> String {
        guard let text = value.string else { throw fail("a string") }
        return text
    }

    func string(_ name: String) throws -> String { try child(name).text() }

    func double(_ name: String) throws -> Double {
        let child = try child(name)
        switch child.value {
        case .number(let text): return Double(text) ?? .nan
        case .string("nan"): return .nan
        case .string("inf"): return .infinity
        case .string("-inf"): return -.infinity
        default: throw child.fail("a number")
        }
    }

    func hex(_ name: String) throws -> [UInt8] {
        let child = try child(name)
        guard let bytes = Hex.decode(try child.text()) else { throw child.fail("hexadecimal digits") }
        return bytes
    }

    func list(_ name: String, atMost most: Int = .max) throws -> [FieldReader] {
        let child = try child(name)
        guard let elements = child.value.array, elements.count <= most else {
            throw child.fail(most == .max ? "an array" : "an array of at most \(most)")
        }
        return elements.enumerated().map { FieldReader(value: $1, path: "\(child.path)[\($0)]") }
    }

    func table(_ name: String) throws -> EncodedInfotable? {
        guard try member(name) != nil else { return nil }
        return try EncodedInfotable(try child(name).infotable())
    }

    func infotable() throws -> Infotable {
        let fields = try list("dataShape").map { field in
            DataShape.Field(
                try field.string("name"), try field.baseType(), description: try field.string("description"),
                aspects: try field.list("aspects").map { .init(try $0.string("name"), try $0.child("value").typedValue()) }
            )
        }
        var table = Infotable(DataShape(fields))
        for row in try list("rows") {
            guard let cells = row.value.array, cells.count <= fields.count else {
                throw row.fail("an array of at most \(fields.count) values")
            }
            table.append(try cells.enumerated().map { try FieldReader(value: $1, path: "\(row.path)[\($0)]").typedValue() })
        }
        return table
    }

    func baseType() throws -> BaseType {
        guard let type = BaseType(name: try string("baseType")) else { throw try child("baseType").fail("a base type's name") }
        return type
    }

    func typedValue() throws -> Value {
        let type = try baseType()
        switch type {
        case .nothing: return .nothing
        case .number: return .number(try double("value"))
        case .boolean:
            guard let bool = value["value"]?.bool else { throw try child("value").fail("true or false") }
            return .boolean(bool)
        case .datetime: return .datetime(try integer("value"))
        case .timespan: return .timespan(try integer("value"))
        case .integer: return .integer(try integer("value"))
        case .location:
            let child = try child("value")
            return .location(
                Location(
                    latitude: try child.double("latitude"), longitude: try child.double("longitude"),
                    elevation: try child.double("elevation")))
        case .blob: return .blob(ByteBuffer(bytes: try child("value").hex("hex")))
        case .image: return .image(ByteBuffer(bytes: try child("value").hex("hex")))
        case .variant: return .variant(try child("value").typedValue())
        case .infotable: return .infotable(try child("value").infotable())
        default: return .text(type, try string("value"))
        }
    }
}
