import Crypto
import LuaRuntime

/// `native.aes(encrypt, text, key)`: AES-256-GCM under the SHA-256 of a text; nil where it does not open.
enum CipherNatives {
    static func aes(_ call: LuaState.Call) throws -> [LuaValue] {
        guard let text = call[1].bytes, let key = call[2].bytes, !key.isEmpty else { throw LuaError("expected a text and a key") }
        let secret = SymmetricKey(data: SHA256.hash(data: key))
        if call[0].boolean == true { return [.string(Array(try AES.GCM.seal(text, using: secret).combined!))] }
        guard let box = try? AES.GCM.SealedBox(combined: text), let plain = try? AES.GCM.open(box, using: secret) else { return [.nil] }
        return [.string(Array(plain))]
    }
}
