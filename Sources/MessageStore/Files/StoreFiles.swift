package import NIOCore

/// The directory of a store, as far as the store needs one.
///
/// Everything that touches a disk goes through here, so that the store can be driven on a file system that forgets what was not
/// synced, tears what was being written and says no at any moment.
package protocol StoreFiles: AnyObject {
    /// Names of the files that are there, in no order.
    func names() throws(StoreFailure) -> [String]
    /// Makes a file; one of that name must not be there.
    func create(_ name: String) throws(StoreFailure) -> any StoreFile
    /// Opens a file that is there.
    func open(_ name: String) throws(StoreFailure) -> any StoreFile
    /// Puts a file in the place of another, in one step.
    func rename(_ name: String, to other: String) throws(StoreFailure)
    func remove(_ name: String) throws(StoreFailure)
    /// Makes what was created, renamed and removed outlast a power cut.
    func syncDirectory() throws(StoreFailure)
}

/// One open file, closed with its last reference.
package protocol StoreFile: AnyObject {
    var size: Int { get }
    /// Writes all of it behind what is there. After an error a part of it may be there.
    func append(_ bytes: ByteBuffer) throws(StoreFailure)
    /// Makes what was written outlast a power cut.
    func sync() throws(StoreFailure)
    func truncate(to size: Int) throws(StoreFailure)
    /// As many bytes as there are, at most `count`.
    func read(at offset: Int, count: Int) throws(StoreFailure) -> ByteBuffer
}

/// What went wrong with a store, in a sentence that says what to do.
package struct StoreFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// More than the store may hold: the message was not taken.
        case full
        /// Longer than the store could ever hold.
        case tooLarge
        /// The system said no (`errno`).
        case system(Int32)
        case inUse
        case closed
        case damaged
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
