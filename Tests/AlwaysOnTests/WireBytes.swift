import Formats
import NIOCore

@testable import AlwaysOn

/// Pieces of infotables as bytes, for tables that no encoder of ours would write.
extension ByteBuffer {
    mutating func writeField(_ name: String, _ type: BaseType, aspects: [UInt8] = [0, 0]) {
        writeWireFlag(true)
        writeWireString(name)
        writeWireString("")
        writeInteger(type.rawValue)
        writeBytes(aspects)
    }

    mutating func writeValue(_ value: Value) {
        writeInteger(value.baseType.rawValue)
        switch value {
        case .number(let number): writeWireDouble(number)
        case .text(_, let text): writeWireString(text)
        default: preconditionFailure("numbers and texts are written here")
        }
    }
}
