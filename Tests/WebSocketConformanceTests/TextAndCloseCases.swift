/// UTF-8 (RFC 6455 §8.1) and the closing handshake (§5.5.1, §7.4).
enum TextAndCloseCases {
    static var all: [Case] { valid + invalid + closes }

    private static let validTexts: [(String, [UInt8])] = [
        ("ASCII", Array("Hello".utf8)), ("two bytes", Array("κόσμε".utf8)), ("three bytes", Array("日本語".utf8)),
        ("four bytes", Array("𝄞𐍈😀".utf8)),
        ("U+0000", [0x00]), ("U+007F", [0x7F]), ("U+0080", [0xC2, 0x80]), ("U+07FF", [0xDF, 0xBF]), ("U+0800", [0xE0, 0xA0, 0x80]),
        ("U+FFFF", [0xEF, 0xBF, 0xBF]), ("U+FFFE", [0xEF, 0xBF, 0xBE]), ("U+FFFD", [0xEF, 0xBF, 0xBD]), ("U+D7FF", [0xED, 0x9F, 0xBF]),
        ("U+E000", [0xEE, 0x80, 0x80]), ("U+10000", [0xF0, 0x90, 0x80, 0x80]), ("U+10FFFF", [0xF4, 0x8F, 0xBF, 0xBF]),
        ("U+1FFFE", [0xF0, 0x9F, 0xBF, 0xBE]),
        ("U+FEFF", [0xEF, 0xBB, 0xBF]), ("combining", Array("e\u{301}".utf8)), ("right to left", Array("שלום".utf8)),
    ]

    private static let invalidTexts: [(String, [UInt8])] = [
        ("a lone continuation", [0x80]), ("the last continuation", [0xBF]), ("two continuations", [0x80, 0xBF]),
        ("six continuations", [0x80, 0xBF, 0x80, 0xBF, 0x80, 0xBF]),
        ("a two-byte start before a space", [0xC2, 0x20]), ("a three-byte start before a space", [0xE0, 0x20]),
        ("a four-byte start before a space", [0xF0, 0x20]),
        ("a cut two-byte character", [0xC2]), ("a cut three-byte character", [0xE0, 0xA0]),
        ("a cut four-byte character", [0xF0, 0x90, 0x80]), ("FE", [0xFE]), ("FF", [0xFF]),
        ("FE FE FF FF", [0xFE, 0xFE, 0xFF, 0xFF]), ("an overlong slash in two", [0xC0, 0xAF]),
        ("an overlong slash in three", [0xE0, 0x80, 0xAF]), ("an overlong slash in four", [0xF0, 0x80, 0x80, 0xAF]),
        ("an overlong slash in five", [0xF8, 0x80, 0x80, 0x80, 0xAF]), ("an overlong slash in six", [0xFC, 0x80, 0x80, 0x80, 0x80, 0xAF]),
        ("overlong U+007F", [0xC1, 0xBF]), ("overlong U+07FF", [0xE0, 0x9F, 0xBF]),
        ("overlong U+FFFF", [0xF0, 0x8F, 0xBF, 0xBF]), ("overlong zero", [0xC0, 0x80]), ("overlong zero in three", [0xE0, 0x80, 0x80]),
        ("overlong zero in four", [0xF0, 0x80, 0x80, 0x80]),
        ("surrogate D800", [0xED, 0xA0, 0x80]), ("surrogate DB7F", [0xED, 0xAD, 0xBF]), ("surrogate DBFF", [0xED, 0xAF, 0xBF]),
        ("surrogate DC00", [0xED, 0xB0, 0x80]), ("surrogate DFFF", [0xED, 0xBF, 0xBF]),
        ("a surrogate pair", [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80]), ("U+110000", [0xF4, 0x90, 0x80, 0x80]),
        ("F5", [0xF5, 0x80, 0x80, 0x80]), ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]),
        ("six bytes", [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]),
        ("ISO 8859-1", Array("caf".utf8) + [0xE9]),
        ("a valid text with a bad end", Array("κόσμε".utf8) + [0xED, 0xA0, 0x80] + Array("edited".utf8)),
    ]

    private static var valid: [Case] {
        validTexts.flatMap { name, text in
            [
                Case("8.1", "valid text: \(name)", [RawFrame(RawFrame.text, text)], [.message(opcode: RawFrame.text, text)]),
                Case("8.1", "valid text, cut inside characters: \(name)", fragments(text), [.message(opcode: RawFrame.text, text)]),
                Case(
                    "8.1", "valid text, byte by byte: \(name)", [RawFrame(RawFrame.text, text)], [.message(opcode: RawFrame.text, text)],
                    chop: 1),
            ]
        }
    }

    private static var invalid: [Case] {
        invalidTexts.flatMap { name, text in
            [
                Case("8.1", "invalid text: \(name)", [RawFrame(RawFrame.text, text)], [.close(1007)]),
                Case("8.1", "invalid text in fragments: \(name)", fragments(text), [.close(1007)]),
                Case(
                    "5.6", "the same bytes as binary: \(name)", [RawFrame(RawFrame.binary, text)], [.message(opcode: RawFrame.binary, text)]
                ),
                Case("5.5.1", "a close whose reason is invalid: \(name)", [RawFrame(RawFrame.close, [3, 232] + text)], [.close(1007)]),
            ]
        }
    }

    private static func fragments(_ text: [UInt8]) -> [RawFrame] {
        text.enumerated().map { RawFrame($0 == 0 ? RawFrame.text : RawFrame.continuation, [$1], fin: false) } + [
            RawFrame(RawFrame.continuation)
        ]
    }

    private static func status(_ code: UInt16) -> [UInt8] { [UInt8(code >> 8), UInt8(code & 0xFF)] }

    private static var closes: [Case] {
        let good: [UInt16] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
        let bad: [UInt16] = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
        return [
            Case("5.5.1", "a close without status", [RawFrame(RawFrame.close)], [.close(nil), .closed]),
            Case("5.5.1", "a close with half a status", [RawFrame(RawFrame.close, [3])], [.close(1002)]),
            Case(
                "5.5.1", "a close with the longest reason", [RawFrame(RawFrame.close, [3, 232] + FramingCases.bytes(123))],
                [.close(1000), .closed]),
            Case("5.5.1", "a close with a reason of one byte", [RawFrame(RawFrame.close, [3, 232, 65])], [.close(1000), .closed]),
        ]
            + good.flatMap { code in
                [nil, 1].map {
                    Case(
                        "7.4", "close \(code)", [RawFrame(RawFrame.close, status(code) + Array("bye".utf8))], [.close(code), .closed],
                        chop: $0)
                }
            }
            + bad.flatMap { code in
                [nil, 1].map {
                    Case("7.4", "close \(code), which never travels", [RawFrame(RawFrame.close, status(code))], [.close(1002)], chop: $0)
                }
            }
    }
}
