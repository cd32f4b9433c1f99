import NIOCore
public import Formats

/// The fields of a message as JSON, in the layout of the wire vectors: for tools and tests.
extension Packet {
    /// The message as JSON, field by field, for people and tests.
    public var fields: JSONValue {
        switch self {
        case .message(let message):
            var object = Packet.fields(of: message.header, isChunk: false)
            message.body.addFields(to: &object)
            return .object(object)
        case .chunk(let chunk):
            var object = Packet.fields(of: chunk.header, isChunk: true)
            object["kind"] = "chunk"
            object["chunkId"] = .int(chunk.number)
            object["chunkCount"] = .int(chunk.count)
            object["chunkSize"] = .int(chunk.size)
            if let entity = chunk.entity {
                object["entityType"] = .int(entity.type.rawValue)
                object["entityName"] = .string(entity.name)
            }
            object["dataLength"] = .int(chunk.data.readableBytes)
            object["data"] = .string(Hex.encode(chunk.data.readableBytesView))
            return .object(object)
        }
    }

    private static func fields(of header: Header, isChunk: Bool) -> JSONObject {
        [
            "version": .int(Header.version), "code": .int(header.code), "requestId": .int(header.requestID),
            "endpointId": .int(header.endpointID), "sessionId": .int(header.sessionID), "multipart": .bool(isChunk),
        ]
    }
}

extension Message.Body {
    fileprivate func addFields(to object: inout JSONObject) {
        switch self {
        case .auth(let auth):
            object["kind"] = "auth"
            object["claims"] = .array(auth.claims.map { ["name": .string($0.name), "value": .string($0.value)] })
        case .bind(let bind), .unbind(let bind):
            if case .bind = self { object["kind"] = "bind" } else { object["kind"] = "unbind" }
            object["gatewayName"] = bind.gateway.map { .string($0.name) } ?? .null
            object["gatewayType"] = bind.gateway.map { .string($0.type) } ?? .null
            object["names"] = .array(bind.names.map { .string($0) })
        case .request(let request):
            object["kind"] = "request"
            object["entityType"] = .int(request.entityType.rawValue)
            object["entityName"] = .string(request.entityName)
            object["characteristic"] = .int(request.characteristic.rawValue)
            object["characteristicName"] = .string(request.name)
            object["headers"] = .array(request.headers.map { ["name": .string($0.name), "value": .string($0.value)] })
            object["params"] = request.content?.decoded().fields ?? .null
        case .response(let response):
            object["kind"] = "response"
            object["reason"] = response.reason.map { .string($0) } ?? .null
            object["content"] = response.content?.decoded().fields ?? .null
        case .keepAlive:
            object["kind"] = "keepAlive"
        }
    }
}

extension Infotable {
    fileprivate var fields: JSONValue {
        [
            "dataShape": .array(
                shape.fields.map { field in
                    [
                        "name": .string(field.name), "description": .string(field.description),
                        "baseType": .string(field.baseType.name), "code": field.baseType.fieldCode,
                        "aspects": .array(field.aspects.map { ["name": .string($0.name), "value": $0.value.fields] }),
                    ]
                }),
            "rows": .array((0..<rowCount).map { row in .array(self[row: row].map(\.fields)) }),
        ]
    }
}

extension BaseType {
    /// The vectors write NOTHING's number as a signed byte.
    fileprivate var fieldCode: JSONValue { self == .nothing ? -1 : .int(rawValue) }
}

extension Value {
    fileprivate var fields: JSONValue {
        ["baseType": .string(baseType.name), "code": baseType.fieldCode, "value": content]
    }

    private var content: JSONValue {
        switch self {
        case .nothing: .null
        case .text(_, let text): .string(text)
        case .number(let double): double.isFinite ? .double(double) : .string("\(double)")
        case .boolean(let bool): .bool(bool)
        case .datetime(let time), .timespan(let time): .int(time)
        case .integer(let integer): .int(integer)
        case .location(let location):
            [
                "latitude": .double(location.latitude), "longitude": .double(location.longitude),
                "elevation": .double(location.elevation),
            ]
        case .blob(let bytes), .image(let bytes): ["hex": .string(Hex.encode(bytes.readableBytesView))]
        case .variant(let inner): inner.fields
        case .infotable(let table): table.fields
        }
    }
}
