import Glibc

/// What went wrong with a file or transfer: for whoever asked, in a sentence that names the file as he knows it.
package struct TransferFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Not a path, or one that leaves its directory.
        case badPath
        case forbidden
        case notFound
        case exists
        /// Another transfer has the file.
        case busy
        /// A directory where a file was expected, or the other way round.
        case wrongKind
        case tooLarge
        case noSpace
        /// The transfer is not known, or was given up because nothing came for too long.
        case noTransfer
        /// A block that does not follow the one before.
        case outOfOrder
        /// The source is not what it was when the transfer began.
        case changed
        /// Both ends have other bytes.
        case mismatch
        /// The other end cannot be reached at present.
        case interrupted
        case tooMany
        case cancelled
        /// The other end refused, or the system said no.
        case failed
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// What the system said to something done with a file.
    init(errno code: Int32, _ what: String) {
        let kind: Kind =
            switch code {
            case ENOENT: .notFound
            case EACCES, EPERM, EROFS: .forbidden
            case ELOOP: .forbidden
            case ENOTDIR, EISDIR: .wrongKind
            case EEXIST, ENOTEMPTY: .exists
            case ENOSPC, EDQUOT: .noSpace
            case ENAMETOOLONG, EINVAL: .badPath
            case EMFILE, ENFILE: .tooMany
            case EFBIG: .tooLarge
            default: .failed
            }
        let text = code == ELOOP ? TransferFailure.link : String(cString: strerror(code))
        self.init(kind, "\(what): \(text)")
    }

    private static let link = "is a symbolic link, which is not followed"

    var isLink: Bool { kind == .forbidden && description.hasSuffix(TransferFailure.link) }
}
