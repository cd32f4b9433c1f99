import AlwaysOn
import NIOCore

/// The messages that are measured.
enum Samples {
    static let header = Header(code: Method.get.rawValue, requestID: 4711, sessionID: 0x1A2B_3C4D)

    static let propertyGet = Message(header: header, body: .request(Request(.get, "SteamSensor1", .property, "temperature")))

    /// A push of 100 changes.
    static let update: Message = {
        var values = Infotable(
            DataShape([.init("name", .string), .init("value", .variant), .init("time", .datetime), .init("quality", .string)]))
        for row in 0..<100 {
            values.append([
                .string("property\(row)"), .variant(.number(Double(row) * 1.25)), .datetime(1_700_000_000_000 + Int64(row)),
                .string("GOOD"),
            ])
        }
        let content = must { try EncodedInfotable(Infotable("values", .infotable(values))) }
        var header = Samples.header
        header.code = Method.post.rawValue
        return Message(
            header: header, body: .request(Request(.post, "SteamSensor1", .service, "UpdateSubscribedPropertyValues", content: content)))
    }()

    /// 1,000 rows of 10 columns: numbers, strings, times, booleans, integers.
    static let table: Infotable = {
        var table = Infotable(
            DataShape(
                (0..<10).map { column in
                    DataShape.Field("column\(column)", [BaseType.number, .string, .datetime, .boolean, .integer][column % 5])
                }))
        for row in 0..<1000 {
            table.append(
                (0..<10).map { column -> Value in
                    switch column % 5 {
                    case 0: .number(Double(row) * 0.37 + Double(column))
                    case 1: .string("value \(row)")
                    case 2: .datetime(1_700_000_000_000 + Int64(row))
                    case 3: .boolean(row % 2 == 0)
                    default: .integer(Int32(row * column))
                    }
                })
        }
        return table
    }()

    static let tableMessage = answer(table)

    static let blobMessage = answer(Infotable("data", .blob(ByteBuffer(repeating: 0xA5, count: 65_536))))

    private static func answer(_ table: Infotable) -> Message {
        var header = Samples.header
        header.code = Status.success.rawValue
        return Message(header: header, body: .response(Response(.success, content: must { try EncodedInfotable(table) })))
    }
}
