import AlwaysOn
import NIOCore
import TestKit

/// Random value trees for property-based tests.
struct RandomValues {
    var generator: SeededGenerator
    /// Whether values that the JSON form cannot tell apart (NaN, empty variants) may occur.
    var jsonSafe = false

    mutating func text() -> String {
        let alphabet = Array("aZ09 _\"\\\n\u{1}é水😀/*")
        return String((0..<Int.random(in: 0...200, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! })
    }

    mutating func json() -> String {
        ["{\"a\":[1,2,{\"b\":null}]}", "[]", "{\"n\":9007199254740993}", "[\"x\",true,-0.5e3]"].randomElement(using: &generator)!
    }

    mutating func double() -> Double {
        let double = Double(bitPattern: generator.next())
        return jsonSafe && !double.isFinite ? 0.1 : double
    }

    mutating func bytes() -> ByteBuffer {
        ByteBuffer(bytes: (0..<Int.random(in: 0...300, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    mutating func value(depth: Int = 0) -> Value {
        value(of: BaseType.allCases.randomElement(using: &generator)!, depth: depth)
    }

    mutating func value(of type: BaseType, depth: Int = 0) -> Value {
        switch type {
        case .nothing: return .nothing
        case .number: return .number(double())
        case .boolean: return .boolean(Bool.random(using: &generator))
        case .datetime: return .datetime(Int64(bitPattern: generator.next()))
        case .timespan: return .timespan(Int64(bitPattern: generator.next()))
        case .integer: return .integer(Int32.random(in: .min ... .max, using: &generator))
        case .location: return .location(Location(latitude: double(), longitude: double(), elevation: double()))
        case .blob: return .blob(bytes())
        case .image: return .image(bytes())
        case .json, .query, .schedule: return .text(type, json())
        case .variant:
            guard depth < 4 else { return .variant(.boolean(true)) }
            let inner = value(depth: depth + 1)
            return .variant(inner)
        case .infotable: return .infotable(table(depth: depth + 1))
        default: return .text(type, text())
        }
    }

    mutating func table(depth: Int = 0) -> Infotable {
        let width = depth > 3 ? 0 : Int.random(in: 0...5, using: &generator)
        let fields = (0..<width).map { index in
            DataShape.Field(
                "f\(index)", BaseType.allCases.randomElement(using: &generator)!, description: text(),
                aspects: Bool.random(using: &generator) ? [.init("isPrimaryKey", .boolean(true)), .init("units", .string("K"))] : []
            )
        }
        var table = Infotable(DataShape(fields))
        for _ in 0..<Int.random(in: 0...4, using: &generator) {
            var row: [Value] = []
            for field in fields {
                row.append(Int.random(in: 0...5, using: &generator) == 0 ? .nothing : value(of: field.baseType, depth: depth + 1))
            }
            table.append(row)
        }
        return table
    }

    mutating func message() throws -> Message {
        let header = Header(
            code: 0, requestID: UInt32.random(in: 0 ... .max, using: &generator), endpointID: 7,
            sessionID: UInt32.random(in: 0 ... .max, using: &generator))
        var message = Message(header: header, body: .keepAlive)
        switch Int.random(in: 0...4, using: &generator) {
        case 0:
            message.header.code = Code.auth
            message.body = .auth(Auth(claims: [.init(name: "appKey", value: text())]))
        case 1:
            message.header.code = Code.bind
            let gateway = Bool.random(using: &generator) ? Bind.Gateway(name: text()) : nil
            message.body = .bind(Bind(gateway: gateway, names: (0..<Int.random(in: 0...20, using: &generator)).map { "T\($0)" }))
        case 2:
            message.header.code = Status.success.rawValue
            message.body = .response(
                Response(.success, reason: Bool.random(using: &generator) ? text() : nil, content: try EncodedInfotable(table())))
        default:
            let method = Method.allCases.randomElement(using: &generator)!
            message.header.code = method.rawValue
            message.body = .request(
                Request(
                    method, text(), Characteristic.allCases.randomElement(using: &generator)!, text(),
                    headers: [.init(name: "a", value: "b")],
                    content: try Bool.random(using: &generator) ? EncodedInfotable(table()) : nil))
        }
        return message
    }
}
