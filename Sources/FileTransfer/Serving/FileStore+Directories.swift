import NIOCore

/// Listing.
extension FileStore {
    func list(_ path: FilePath, _ mask: String, files: Bool, directories: Bool) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        if path.isRoot, case .virtual(let roots) = layout.root {
            guard directories else { return loop.makeSucceededFuture(.files([])) }
            return run { .files(roots.map { FileInfo(path: FilePath(components: [$0.name]), isDirectory: true) }) }
        }
        let (tree, inside) = try layout.locate(path)
        let layout = layout
        return run {
            let pattern = FileMask(mask)
            let found = try tree.entries(inside).filter { ($0.isDirectory ? directories : files) && pattern.fits($0.name) }
            return .files(found.map { layout.seen($0, from: path) })
        }
    }

    func structure(_ path: FilePath) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        guard path.isRoot, case .virtual(let roots) = layout.root else {
            let (tree, inside) = try layout.locate(path)
            let layout = layout
            return run { .files(try tree.directories(below: inside).map { layout.seen($0, from: path) }) }
        }
        let layout = layout
        return run {
            .files(
                try roots.flatMap { root in
                    let top = FilePath(components: [root.name])
                    return [FileInfo(path: top, isDirectory: true)]
                        + (try root.tree.directories(below: .root)).map { layout.seen($0, from: top) }
                })
        }
    }
}
