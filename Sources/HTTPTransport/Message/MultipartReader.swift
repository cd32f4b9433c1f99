package import NIOCore

/// Reads `multipart/form-data` (RFC 7578) piece by piece, and keeps no more than a delimiter and one part's head of it.
package struct MultipartReader: Sendable {
    package enum Event: Sendable, Equatable {
        case part(name: String, fileName: String?)
        case bytes(ByteBuffer)
        case partEnd
    }

    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    private enum Place {
        /// Before the first part, in one, or behind the last: the next delimiter is looked for.
        case preamble
        case body
        case epilogue
        /// A delimiter was read: what follows it tells whether it was the last.
        case delimiter
        case head
    }

    /// Bytes of the head of one part.
    private static let longestHead = 8192
    private let delimiter: [UInt8]
    private var waiting = ByteBuffer()
    private var place = Place.preamble

    /// - Parameter contentType: of the whole body; nil where it names no boundary of 1 to 70 bytes.
    package init?(contentType: String) {
        guard contentType.lowercased().hasPrefix("multipart/form-data"),
            let boundary = MultipartReader.parameter("boundary", of: contentType), (1...70).contains(boundary.utf8.count)
        else { return nil }
        delimiter = Array("\r\n--\(boundary)".utf8)
        // The first delimiter has no line before it.
        waiting.writeStaticString("\r\n")
    }

    /// - Throws: `Failure`, where the bytes are no such body.
    package mutating func take(_ bytes: ByteBuffer) throws(Failure) -> [Event] {
        waiting.writeImmutableBuffer(bytes)
        var events: [Event] = []
        while try step(&events) {}
        waiting.discardReadBytes()
        return events
    }

    /// - Throws: `Failure`, where the last delimiter has not come.
    package func finish() throws(Failure) {
        guard place == .epilogue else { throw Failure(description: "the body ends before its last boundary") }
    }

    /// - Returns: whether more may be read of what waits.
    private mutating func step(_ events: inout [Event]) throws(Failure) -> Bool {
        switch place {
        case .epilogue:
            waiting.clear()
            return false
        case .preamble, .body:
            let (found, safe) = search()
            if safe > 0, let bytes = waiting.readSlice(length: safe), place == .body { events.append(.bytes(bytes)) }
            guard found else { return false }
            if place == .body { events.append(.partEnd) }
            waiting.moveReaderIndex(forwardBy: delimiter.count)
            place = .delimiter
            return true
        case .delimiter:
            guard waiting.readableBytes >= 2, let end: UInt16 = waiting.getInteger(at: waiting.readerIndex) else { return false }
            switch end {
            case 0x2D2D: place = .epilogue
            case 0x0D0A:
                waiting.moveReaderIndex(forwardBy: 2)
                place = .head
            default: throw Failure(description: "expected a line's end or -- behind a boundary")
            }
            return true
        case .head:
            guard let (head, length) = wholeHead() else {
                guard waiting.readableBytes <= MultipartReader.longestHead else {
                    throw Failure(description: "the head of a part is longer than \(MultipartReader.longestHead) bytes")
                }
                return false
            }
            waiting.moveReaderIndex(forwardBy: length)
            events.append(try part(head))
            place = .body
            return true
        }
    }

    /// Whether the delimiter is there, and how many bytes before it, or before where it may begin, are safe to give away.
    private func search() -> (found: Bool, safe: Int) {
        waiting.withUnsafeReadableBytes { bytes in
            var index = 0
            while index < bytes.count {
                guard bytes[index] == 0x0D else {
                    index += 1
                    continue
                }
                let rest = min(bytes.count - index, delimiter.count)
                if (0..<rest).allSatisfy({ bytes[index + $0] == delimiter[$0] }) { return (rest == delimiter.count, index) }
                index += 1
            }
            return (false, bytes.count)
        }
    }

    private func wholeHead() -> (text: String, length: Int)? {
        let view = waiting.readableBytesView.prefix(MultipartReader.longestHead)
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard view.count >= 4 else { return nil }
        for start in view.indices.dropLast(3) where view[start..<start + 4].elementsEqual(end) {
            return (String(decoding: view[view.startIndex..<start], as: UTF8.self), start - view.startIndex + 4)
        }
        return nil
    }

    private func part(_ head: String) throws(Failure) -> Event {
        for line in head.split(separator: "\r\n") {
            let pair = line.split(separator: ":", maxSplits: 1)
            guard pair.count == 2, pair[0].lowercased() == "content-disposition" else { continue }
            guard let name = MultipartReader.parameter("name", of: String(pair[1])) else { break }
            return .part(name: name, fileName: MultipartReader.parameter("filename", of: String(pair[1])))
        }
        throw Failure(description: "a part without a name")
    }

    /// A parameter of a header, quoted or not. Browsers write a quote in a name as `%22`.
    static func parameter(_ name: String, of header: String) -> String? {
        var rest = header.utf8.drop { $0 != UInt8(ascii: ";") }
        while rest.popFirst() != nil {
            let word = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            rest = rest.dropFirst(word.count)
            var value: [UInt8] = []
            if rest.first == UInt8(ascii: "=") {
                rest = rest.dropFirst()
                if rest.first == UInt8(ascii: "\"") {
                    rest = rest.dropFirst()
                    while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
                        value.append(byte == UInt8(ascii: "\\") && rest.first == UInt8(ascii: "\"") ? rest.removeFirst() : byte)
                    }
                    rest = rest.drop { $0 != UInt8(ascii: ";") }
                } else {
                    value = Array(rest.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") })
                    rest = rest.drop { $0 != UInt8(ascii: ";") }
                }
            }
            guard String(decoding: word, as: UTF8.self).filter({ $0 != " " }).lowercased() == name else { continue }
            return String(decoding: value, as: UTF8.self).replacing("%22", with: "\"")
        }
        return nil
    }
}
