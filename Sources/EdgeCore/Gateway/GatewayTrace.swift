import AlwaysOn
import Formats
import NIOCore

/// Requests and answers at TRACE, with their content where `verbose` is set, secrets left out (ems.md §2.5).
extension Gateway {
    enum Direction: String {
        case toPlatform = "to the platform"
        case fromPlatform = "from the platform"
    }

    func trace(_ request: Request, number: UInt32, _ direction: Direction, _ response: EventLoopFuture<Response>) {
        let verbose = configuration.connection.verbose
        let what =
            "\(direction.rawValue) #\(number) \(request.method) \(request.entityName) \(request.characteristic.collection)/\(request.name)"
        logger.trace("\(what)\(verbose ? Redaction.text(request.content) : "")")
        let began = NIODeadline.now()
        response.whenSuccess { [logger] response in
            let time = Double((NIODeadline.now() - began).nanoseconds / 10_000) / 100
            logger.trace(
                "\(what): \(response.status) after \(time) ms\(response.reasonText.map { ", \($0)" } ?? "")\(verbose ? Redaction.text(response.content) : "")"
            )
        }
    }
}

/// Content for the log: values of members whose names speak of secrets, and of the base type PASSWORD, are masked.
enum Redaction {
    private static let words = [
        "password", "passphrase", "passwd", "passcode", "pwd", "secret", "token", "appkey", "apikey", "credential", "authorization",
        "bearer", "cookie",
        "privatekey",
    ]
    /// Rows of an infotable that are shown.
    private static let rowLimit = 20

    static func text(_ content: EncodedInfotable?) -> String {
        guard let content else { return "" }
        return content.bytes.readableBytes > 65_536 ? " (\(content.bytes.readableBytes) bytes)" : " " + text(content.decoded())
    }

    private static func text(_ table: Infotable) -> String {
        let fields = table.shape.fields
        let rows = (0..<min(table.rowCount, rowLimit)).map { row in
            let cells = zip(fields, table[row: row]).map { field, value in
                "\(JSONValue.string(field.name)):\(isSecret(field.name) || field.baseType == .password ? "\"***\"" : text(value))"
            }
            return "{\(cells.joined(separator: ","))}"
        }
        return "[\(rows.joined(separator: ","))\(table.rowCount > rowLimit ? ",…\(table.rowCount - rowLimit) more" : "")]"
    }

    private static func text(_ value: Value) -> String {
        switch value.unwrapped {
        case .nothing: "null"
        case .infotable(let table): text(table)
        case .text(.password, _): "\"***\""
        case .text(_, let text): masked(text: text)
        case .number(let number): "\(JSONValue.double(number))"
        case .boolean(let bool): "\(bool)"
        case .datetime(let number), .timespan(let number): "\(number)"
        case .integer(let number): "\(number)"
        case .location(let place): "[\(place.latitude),\(place.longitude),\(place.elevation)]"
        case .blob(let bytes), .image(let bytes): "(\(bytes.readableBytes) bytes)"
        case .variant: "null"
        }
    }

    /// A text may be JSON, as the configuration that UpdateConfiguration gets is.
    private static func masked(text: String) -> String {
        if text.utf8.contains(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") }), let json = try? JSONValue(parsing: text) {
            return masked(json).description
        }
        // A text of another form that speaks of secrets may hold one.
        return isSecret(text) ? "(\(text.utf8.count) bytes)" : "\(JSONValue.string(text))"
    }

    private static func masked(_ json: JSONValue) -> JSONValue {
        switch json {
        case .object(let object):
            var result = JSONObject()
            for member in object.members { result[member.name] = isSecret(member.name) ? "***" : masked(member.value) }
            return .object(result)
        case .array(let elements): return .array(elements.map(masked))
        default: return json
        }
    }

    private static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased().filter { $0 != "_" && $0 != "-" }
        return words.contains { name.contains($0) }
    }
}
