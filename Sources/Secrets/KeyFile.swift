import Glibc

/// The data protection key on disk: `dp.dat`, 32 random bytes, mode 0600, beside the configuration (ems.md §3.3).
///
/// A systemd credential of that name (`$CREDENTIALS_DIRECTORY/dp.dat`) is used instead where there is one.
package struct KeyFile: Sendable {
    package static let name = "dp.dat"

    package let path: String
    /// A key handed over by systemd is not ours to make or replace.
    package let isCredential: Bool

    /// - Parameter configuration: path of the configuration file.
    package init(besides configuration: String, credentialsDirectory: String? = getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) })
    {
        if let credentialsDirectory, access("\(credentialsDirectory)/\(KeyFile.name)", F_OK) == 0 {
            path = "\(credentialsDirectory)/\(KeyFile.name)"
            isCredential = true
        } else {
            path = "\(AtomicFile.directory(of: configuration))/\(KeyFile.name)"
            isCredential = false
        }
    }

    /// Reads the key, and takes from others what they may do with its file.
    ///
    /// - Returns: nil when there is no key file.
    /// - Throws: `FileFailure`, or `KeyFileDamaged`.
    package func load() throws -> KeyRing? {
        do {
            guard let ring = KeyRing(bytes: try AtomicFile.read(path, limit: 1 << 16)) else { throw KeyFileDamaged(path: path) }
            // On a read-only file system the key serves as it is.
            if !isCredential { chmod(path, 0o600) }
            return ring
        } catch let failure as FileFailure where failure.isMissing {
            return nil
        }
    }

    /// Makes the key file, and its directory, when there is none.
    package func loadOrCreate() throws -> KeyRing {
        if let ring = try load() { return ring }
        let directory = AtomicFile.directory(of: path)
        if access(directory, F_OK) != 0, mkdir(directory, 0o750) != 0 { throw FileFailure("create the directory", directory) }
        _ = try AtomicFile.create(path, with: KeyRing.newKey())
        guard let ring = try load() else { throw KeyFileDamaged(path: path) }
        return ring
    }

    /// Puts a new key in front of those that are there: from now on both open, the new one seals.
    func addKey() throws {
        _ = try loadOrCreate()
        try AtomicFile.replace(path, with: KeyRing.newKey() + (try AtomicFile.read(path)))
    }

    /// Forgets all keys but the first.
    func dropOldKeys() throws {
        try AtomicFile.replace(path, with: Array(try AtomicFile.read(path).prefix(KeyRing.keySize)))
    }
}

package struct KeyFileDamaged: Error, CustomStringConvertible, Sendable {
    let path: String

    package var description: String { "\(path) is no data protection key: expected a multiple of 32 bytes; restore it from a backup" }
}
