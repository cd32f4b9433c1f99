import Formats
import Foundation
import TestKit
import Testing

@testable import Secrets

@Suite struct SecretTests {
    @Test func isNeverShown() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\([secret])", "\(Optional(secret) as Any)", dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect(secret.matches("hunter2"))
        for wrong in ["", "hunter", "hunter22", "Hunter2"] { #expect(!secret.matches(wrong)) }
    }
}

@Suite struct KeyRingTests {
    let ring = KeyRing(bytes: KeyRing.newKey())!

    @Test func sealsAndOpens() throws {
        for text in ["", "39e1bfa7-3ce9-4a0c-ae0a-000000000000", "pässwörd ☃"] {
            let bound = ring.seal(Secret(text), place: "appKey")
            #expect(bound.hasPrefix("AGC1:") && (text.isEmpty || !bound.contains(text)))
            #expect(try ring.open(bound, place: "appKey").reveal() == text)
            let free = ring.seal(Secret(text), place: nil)
            #expect(try ring.open(free, place: "anything").reveal() == text)
            #expect(ring.seal(Secret(text), place: nil) != free, "the nonce repeats")
        }
    }

    @Test func movedDamagedAndForeignValuesDoNotOpen() {
        let sealed = ring.seal(Secret("k"), place: "appKey")
        #expect(throws: SecretFailure(place: "proxy.password", cause: .wrongKey)) { try ring.open(sealed, place: "proxy.password") }
        #expect(throws: SecretFailure(place: "appKey", cause: .wrongKey)) {
            try KeyRing(bytes: KeyRing.newKey())!.open(sealed, place: "appKey")
        }
        #expect(throws: SecretFailure(place: "appKey", cause: .damaged)) { try ring.open("AGC1:AAAA", place: "appKey") }
        // A bound value does not become a free one by its tag.
        #expect(throws: SecretFailure.self) { try ring.open("AGC0:" + sealed.dropFirst(5), place: "appKey") }
        var flipped = Array(sealed.utf8)
        flipped[20] = flipped[20] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        #expect(throws: SecretFailure.self) { try ring.open(String(decoding: flipped, as: UTF8.self), place: "appKey") }
    }
}

@Suite struct KeyFileTests {
    @Test func isMadeOnceAndForItsOwnerAlone() throws {
        let directory = try TemporaryDirectory()
        let file = KeyFile(besides: directory.path("etc/config.json"), credentialsDirectory: nil)
        #expect(try file.load() == nil)
        let sealed = try file.loadOrCreate().seal(Secret("k"), place: nil)
        #expect(try file.loadOrCreate().open(sealed, place: "x").reveal() == "k")
        var attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(attributes[.size] as? Int == 32)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        _ = try file.load()
        attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600, "others may read a key that was copied carelessly")
        try AtomicFile.replace(file.path, with: [1, 2, 3])
        #expect(throws: KeyFileDamaged.self) { try file.load() }
    }

    @Test func aCredentialOfSystemdIsUsedInstead() throws {
        let directory = try TemporaryDirectory()
        try AtomicFile.replace(directory.path("dp.dat"), with: KeyRing.newKey())
        let file = KeyFile(besides: "/nowhere/config.json", credentialsDirectory: directory.path)
        #expect(file.isCredential)
        #expect(try file.load() != nil)
        #expect(throws: KeyRotationRefused.self) {
            try KeyRotation(keyFile: file, secrets: ConfigurationSecrets(places: [])).run(files: [])
        }
    }
}

@Suite struct ConfigurationSecretsTests {
    let secrets = ConfigurationSecrets(places: ["appKey", "auto_bind[].password"])
    let text = """
        {
          "appKey" :  "clear-key",
          "other": "appKey",
          "auto_bind": [ {"name":"A", "password":"clear-password-1"}, {"name":"B","password":"" } ]
        }

        """

    @Test func sealsInPlaceAndLeavesTheRestAlone() throws {
        let ring = KeyRing(bytes: KeyRing.newKey())!
        let document = try JSONDocument(bytes: Array(text.utf8))
        let sealed = try #require(secrets.sealingClear(document, with: ring))
        let after = String(decoding: sealed, as: UTF8.self)
        #expect(!after.contains("clear-key") && !after.contains("clear-password"))
        // Everything but the two strings is byte for byte what it was.
        let pattern = try Regex("AGC1:[A-Za-z0-9+/=]+")
        var index = 0
        #expect(
            after.replacing(pattern) { _ in
                index += 1
                return index == 1 ? "clear-key" : "clear-password-1"
            } == text)
        let again = try JSONDocument(bytes: sealed)
        #expect(secrets.sealingClear(again, with: ring) == nil)
        let keyFile = KeyFile(besides: "/nowhere/x", credentialsDirectory: nil)
        #expect(
            try ConfigurationSecrets.open(again.value["appKey"]!.string!, path: "appKey", keys: ring, keyFile: keyFile).reveal()
                == "clear-key")
        // Entries may change places.
        let password = again.value["auto_bind"]![0]!["password"]!.string!
        #expect(
            try ConfigurationSecrets.open(password, path: "auto_bind[7].password", keys: ring, keyFile: keyFile).reveal()
                == "clear-password-1")
    }

    @Test func saysWhatToDo() {
        let keyFile = KeyFile(besides: "/nowhere/x", credentialsDirectory: nil)
        for (value, expected) in [("AES:AAAA", "AES:"), ("AGC1:AAAA", "/nowhere/dp.dat")] {
            let error = #expect(throws: SecretFailure.self) {
                try ConfigurationSecrets.open(value, path: "appKey", keys: nil, keyFile: keyFile)
            }
            #expect(error?.description.hasPrefix("appKey: ") == true)
            #expect(error?.description.contains(expected) == true)
            #expect(error?.description.contains("wsems -encrypt -") == true)
        }
    }
}

@Suite struct KeyRotationTests {
    let secrets = ConfigurationSecrets(places: ["appKey"])

    func installation(_ directory: TemporaryDirectory) throws -> (KeyFile, json: String, lua: String) {
        let json = directory.path("config.json")
        let lua = directory.path("config.lua")
        let keyFile = KeyFile(besides: json, credentialsDirectory: nil)
        let ring = try keyFile.loadOrCreate()
        try AtomicFile.replace(json, with: Array("{\"appKey\": \"\(ring.seal(Secret("key"), place: "appkey"))\"}\n".utf8))
        let sealed = ring.seal(Secret("pw"), place: nil)
        try AtomicFile.replace(lua, with: Array("-- AGC0 is a tag\nscripts.rap_password = \"\(sealed)\"\nscripts.x = '\(sealed)'\n".utf8))
        return (keyFile, json, lua)
    }

    func check(_ keyFile: KeyFile, _ json: String, _ lua: String) throws {
        let ring = try #require(try keyFile.load())
        let document = try JSONDocument(bytes: AtomicFile.read(json))
        #expect(try ring.open(document.value["appKey"]!.string!, place: "appkey").reveal() == "key")
        for match in String(decoding: try AtomicFile.read(lua), as: UTF8.self).matches(of: try Regex("AGC0:[A-Za-z0-9+/=]+")) {
            #expect(try ring.open(String(match.0), place: "x").reveal() == "pw")
        }
    }

    @Test func everythingIsSealedAnew() throws {
        let directory = try TemporaryDirectory()
        let (keyFile, json, lua) = try installation(directory)
        let before = (try AtomicFile.read(keyFile.path), try AtomicFile.read(json), try AtomicFile.read(lua))
        try KeyRotation(keyFile: keyFile, secrets: secrets).run(files: [json, lua])
        #expect(try AtomicFile.read(keyFile.path) != before.0 && AtomicFile.read(json) != before.1 && AtomicFile.read(lua) != before.2)
        #expect(try AtomicFile.read(keyFile.path).count == 32)
        try check(keyFile, json, lua)
    }

    /// A crash after any of its steps leaves secrets that open.
    @Test func aCrashInBetweenLosesNothing() throws {
        let directory = try TemporaryDirectory()
        let (keyFile, json, lua) = try installation(directory)
        try keyFile.addKey()
        try check(keyFile, json, lua)
        let both = try #require(try keyFile.load())
        try AtomicFile.replace(json, with: try secrets.resealing(try JSONDocument(bytes: AtomicFile.read(json)), with: both))
        try check(keyFile, json, lua)
        // And the next try completes it.
        try KeyRotation(keyFile: keyFile, secrets: secrets).run(files: [json, lua])
        try check(keyFile, json, lua)
        #expect(try AtomicFile.read(keyFile.path).count == 32)
    }

    @Test func aSecretThatDoesNotOpenStopsItBeforeAnythingChanges() throws {
        let directory = try TemporaryDirectory()
        let (keyFile, json, lua) = try installation(directory)
        try AtomicFile.replace(lua, with: Array("x = 'AGC0:AAAA'".utf8))
        let before = (try AtomicFile.read(keyFile.path), try AtomicFile.read(json))
        #expect(throws: SecretFailure.self) { try KeyRotation(keyFile: keyFile, secrets: secrets).run(files: [json, lua]) }
        #expect(try AtomicFile.read(keyFile.path) == before.0 && AtomicFile.read(json) == before.1)
    }
}
