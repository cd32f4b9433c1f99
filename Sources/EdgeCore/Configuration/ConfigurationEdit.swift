package import Formats
import Secrets
import Settings

/// Changing the configuration file by program: what is written was validated before, is written whole, and the file before
/// it is kept.
package enum ConfigurationEdit {
    package struct Failure: Error, Sendable {
        /// Whether the new configuration is to blame, and not the disk.
        package let isInput: Bool
        package let text: String
    }

    /// - Parameters:
    ///   - change: members to set, objects merged member by member; or, with `replaces`, the whole new content. A secret given
    ///     as its mask stays as it is.
    /// - Throws: `Failure`; the file is as it was then.
    package static func write(_ change: JSONObject, replaces: Bool, to file: ConfigurationFile) throws(Failure) {
        let old = try document(of: file)
        let current = old?.value.object ?? JSONObject()
        let wanted = JSONValue.object(replaces ? change : merge(change, into: current))
        let unmasked = keepSecrets(wanted, old: .object(current), path: "")
        do {
            let text = Array(unmasked.pretty.utf8) + [0x0A]
            let keys = try file.keyFile.loadOrCreate()
            let document = try JSONDocument(bytes: text)
            let (configuration, diagnostics) = GatewayConfiguration.read(document, keys: keys, keyFile: file.keyFile)
            let wrong = diagnostics.filter { $0.severity != .warning }
            guard wrong.isEmpty, configuration.applicationKey != nil else {
                throw Failure(isInput: true, text: "not written: \(wrong.map(\.message).joined(separator: "; "))")
            }
            if let old { try AtomicFile.replace(file.previousPath, with: old.bytes) }
            try AtomicFile.replace(file.path, with: GatewayConfiguration.secrets.sealingClear(document, with: keys) ?? text)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(isInput: false, text: "the configuration could not be written: \(error)")
        }
    }

    private static func document(of file: ConfigurationFile) throws(Failure) -> JSONDocument? {
        do {
            return try JSONDocument(bytes: try AtomicFile.read(file.path))
        } catch let failure as FileFailure {
            guard failure.isMissing else { throw Failure(isInput: false, text: "\(failure)") }
            return nil
        } catch {
            // A file that is no JSON can be replaced; nothing of it can be kept.
            return nil
        }
    }

    private static func merge(_ change: JSONObject, into current: JSONObject) -> JSONObject {
        var result = current
        let removed = Set(change.members.filter { $0.value == .null }.map(\.name))
        if !removed.isEmpty { result.removeAll { removed.contains($0) } }
        for member in change.members where member.value != .null {
            if let new = member.value.object, let old = current[member.name]?.object {
                result[member.name] = .object(merge(new, into: old))
            } else {
                result[member.name] = member.value
            }
        }
        return result
    }

    /// Puts the present secrets where the new configuration has their mask, list entries matched by their names.
    private static func keepSecrets(_ new: JSONValue, old: JSONValue?, path: String) -> JSONValue {
        switch new {
        case .object(let object):
            var result = JSONObject()
            for member in object.members {
                let place = path.isEmpty ? member.name : "\(path).\(member.name)"
                result[member.name] = keepSecrets(member.value, old: old?[member.name], path: place)
            }
            return .object(result)
        case .array(let elements):
            return .array(
                elements.enumerated().map { index, element in
                    let same = old?.array?.first { $0["name"] != nil && $0["name"] == element["name"] } ?? old?[index]
                    return keepSecrets(element, old: same, path: "\(path)[]")
                })
        case .string(SecretMask.text) where GatewayConfiguration.secrets.isSecret(path): return old ?? new
        default: return new
        }
    }
}
