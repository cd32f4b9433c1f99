import AlwaysOn
import Formats
import Glibc
import NIOCore
import ThingModel

/// Every value that was taken, a line of JSON each, written before the edge is answered: what outlasts a kill of the platform, and
/// what tests read. At the start its lines tell which requests were worked on before.
package final class ValueJournal: @unchecked Sendable {
    /// What a line says of the request that brought the value.
    struct Origin {
        var identity: MessageIdentity
        var name: String
        var thing: String
    }

    private let descriptor: CInt
    private let path: String

    /// - Throws: where the file cannot be opened or read.
    package init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw JournalFailure(path: path, code: errno) }
        // A line that was cut off in the middle belongs to a request that was not answered.
        var size = lseek(descriptor, 0, SEEK_END)
        var byte: UInt8 = 0
        while size > 0, pread(descriptor, &byte, 1, size - 1) == 1, byte != UInt8(ascii: "\n") { size -= 1 }
        guard ftruncate(descriptor, size) == 0 else { throw JournalFailure(path: path, code: errno) }
    }

    deinit { close(descriptor) }

    /// Calls with the origin of each value in the journal that has one, oldest first.
    func forEachOrigin(_ body: (Origin) -> Void) {
        var buffer = ByteBuffer()
        var offset: off_t = 0
        while true {
            let read = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 << 16) {
                max(pread(descriptor, $0.baseAddress, $0.count, offset), 0)
            }
            guard read > 0 else { return }
            offset += off_t(read)
            while let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer.readString(length: end - buffer.readerIndex) ?? ""
                buffer.moveReaderIndex(forwardBy: 1)
                guard let json = try? JSONValue(parsing: line), let thing = json["thing"]?.string,
                    let identity = json["id"]?.string.flatMap({ MessageIdentity($0) })
                else { continue }
                body(Origin(identity: identity, name: json["as"]?.string ?? thing, thing: thing))
            }
            buffer.discardReadBytes()
        }
    }

    struct Entry {
        var property: String
        var value: TimedValue
    }

    /// All of one request, in one write.
    /// - Returns: whether it was written.
    func note(_ entries: [Entry], of thing: String, as name: String?, _ identity: MessageIdentity?) -> Bool {
        var text = ""
        for entry in entries {
            guard let value = try? EncodedInfotable(Infotable("value", entry.value.value)).firstRowJSON() else { continue }
            var line = JSONObject()
            line["thing"] = .string(thing)
            line["property"] = .string(entry.property)
            line["time"] = .int(Int(clamping: entry.value.time))
            if entry.value.quality != "GOOD" { line["quality"] = .string(entry.value.quality) }
            if let identity { line["id"] = .string(identity.text) }
            if let name, name != thing { line["as"] = .string(name) }
            // The value's own JSON is one member in braces.
            text += "\("\(JSONValue.object(line))".dropLast()),\(String(buffer: value).dropFirst())\n"
        }
        var bytes = Array(text.utf8)
        return write(descriptor, &bytes, bytes.count) == bytes.count
    }
}

struct JournalFailure: Error, CustomStringConvertible {
    let path: String
    let code: Int32

    var description: String { "cannot write the journal \(path): \(String(cString: strerror(code)))" }
}
