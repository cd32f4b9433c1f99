import Formats
import LuaRuntime
import NIOCore

extension Script {
    /// The answer to a read of a property whose value lies in the Thing's own table (lua-library.md §9.3), given on the calling
    /// thread when the script does nothing else right now; nil otherwise. No Lua code runs for it, so it never takes long.
    nonisolated func propertyAtHand(_ name: String) -> ByteBuffer? {
        ifIdle { script in
            script.peek { globals -> ByteBuffer? in
                // One that was written and not yet read takes its new value over by being read.
                guard let property = globals.table("native")?.table("properties")?.table(name), property.boolean("isInMemory") == true,
                    !property.has("next"), let baseType = property.string("baseType")
                else { return nil }
                var bytes = ByteBuffer()
                bytes.writeStaticString("{\"dataShape\":{\"fieldDefinitions\":{")
                writeField(name, baseType, property.string("description") ?? "", 0, to: &bytes)
                bytes.writeStaticString(",")
                writeField("time", "DATETIME", "", 1, to: &bytes)
                bytes.writeStaticString("}},\"rows\":[{")
                bytes.writeJSONKey(name)
                guard writeValue(of: property, baseType, to: &bytes) else { return nil }
                if let time = property.number("time") {
                    guard time < Script.yearOne else { return nil }
                    bytes.writeStaticString(",\"time\":")
                    bytes.writeJSON(time)
                } else if property.has("time") {
                    return nil
                }
                bytes.writeStaticString("}]}")
                return bytes
            }
        }
    }

    /// Times from here on count from the year 1, and not from 1970.
    private static let yearOne = 62_135_596_800_000.0

    private nonisolated func writeField(
        _ name: String, _ baseType: String, _ description: String, _ ordinal: Int, to bytes: inout ByteBuffer
    ) {
        bytes.writeJSONKey(name)
        bytes.writeStaticString("{\"name\":")
        bytes.writeJSON(name)
        bytes.writeStaticString(",\"description\":")
        bytes.writeJSON(description)
        bytes.writeStaticString(",\"baseType\":")
        bytes.writeJSON(baseType)
        bytes.writeStaticString(",\"ordinal\":")
        bytes.writeString(String(ordinal))
        bytes.writeStaticString(",\"aspects\":{}}")
    }

    /// - Returns: false for a value that has to be converted first.
    private nonisolated func writeValue(of property: LuaPeek, _ baseType: String, to bytes: inout ByteBuffer) -> Bool {
        switch baseType {
        case "NUMBER":
            guard let number = property.number("value") else { return false }
            bytes.writeJSON(number)
        case "INTEGER", "LONG", "DATETIME", "TIMESPAN":
            guard let number = property.number("value"), number == number.rounded() else { return false }
            bytes.writeJSON(number)
        case "BOOLEAN":
            guard let boolean = property.boolean("value") else { return false }
            bytes.writeJSON(boolean)
        case "STRING":
            guard let text = property.string("value") else { return false }
            bytes.writeJSON(text)
        default: return false
        }
        return true
    }
}
