import FileTransfer
import TestKit
import Testing

@Suite struct FilePathTests {
    @Test(arguments: [
        ("", "/"), ("/", "/"), ("a", "/a"), ("//a///b/", "/a/b"), ("/./a/./b", "/a/b"), ("/...", "/..."), ("/a b/ü", "/a b/ü"),
    ])
    func pathsAreMadePlain(_ text: String, _ expected: String) throws { #expect("\(try FilePath(text))" == expected) }

    @Test(arguments: ["..", "/..", "/a/..", "/a/../b", "../a", "/a/b/..", "//..//", "/a\0b"])
    func waysOutAreRefused(_ text: String) { #expect(throws: TransferFailure.self) { try FilePath(text) } }

    @Test func longOnesAreRefused() {
        #expect(throws: TransferFailure.self) { try FilePath("/" + String(repeating: "a", count: 256)) }
        #expect(throws: TransferFailure.self) { try FilePath(String(repeating: "/a", count: 2049)) }
        #expect(throws: Never.self) { try FilePath("/" + String(repeating: "a", count: 255)) }
    }

    @Test func namesAreBytes() throws {
        #expect(try FilePath("/é") != FilePath("/e\u{301}"))
        #expect(try FilePath("/a/b") == FilePath("a//b/"))
        #expect(Set([try FilePath("/é"), try FilePath("/e\u{301}")]).count == 2)
    }

    @Test func whateverComesHasNoWayOut() {
        var random = SeededGenerator(seed: 7)
        let pieces = ["..", ".", "/", "a", "//", "ü", "\\", "%2e%2e", " ", "\u{301}", "b.", "..c", "\r\n"]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            guard let path = try? FilePath(text) else { continue }
            #expect(path.components.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(UInt8(ascii: "/")) })
            #expect((try? FilePath("\(path)")) == path)
        }
    }

    @Test func partsAreNamedAfterThingAndTarget() throws {
        #expect("\(FileLayout.stagingPath(thing: "*T1", target: try FilePath("/in/a/b.bin")))" == "/__staging__/T1.in.a.b.bin.part")
    }
}
