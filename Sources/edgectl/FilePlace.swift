import ArgumentParser

/// One end of `edgectl cp`: `platform:/repository/path`, `Thing:/directory/file`, or a file here.
enum FilePlace: Equatable {
    case repository(String, path: String)
    case thing(String, path: String)
    case local(String)

    init(_ text: String) throws {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex, !text.hasPrefix("/"), !text.hasPrefix("./") else {
            self = .local(text)
            return
        }
        let (name, path) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
        guard path.hasPrefix("/") else { throw ValidationError("\(text): expected a path that begins with / behind the colon") }
        guard name == "platform" else {
            self = .thing(name, path: path)
            return
        }
        let parts = path.dropFirst().split(separator: "/", maxSplits: 1)
        guard let repository = parts.first else { throw ValidationError("\(text): expected platform:/repository/path") }
        self = .repository(String(repository), path: "/" + (parts.count > 1 ? parts[1] : ""))
    }

    /// What the platform knows it by; nil for a file here.
    var remote: (repository: String, path: String)? {
        switch self {
        case .repository(let name, let path), .thing(let name, let path): (name, path)
        case .local: nil
        }
    }

    /// The last name of a path, and what is before it.
    static func split(_ path: String) -> (directory: String, name: String) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        return (String(path[..<slash]), String(path[slash...].drop { $0 == "/" }))
    }

    /// The place of a file of that name in it, where it is a directory's: it ends with a slash.
    func holding(_ name: String) -> FilePlace {
        func full(_ path: String) -> String { path.hasSuffix("/") ? path + name : path }
        return switch self {
        case .repository(let repository, let path): .repository(repository, path: full(path))
        case .thing(let thing, let path): .thing(thing, path: full(path))
        case .local(let path): .local(path == "." ? name : full(path))
        }
    }

    var name: String {
        switch self {
        case .repository(_, let path), .thing(_, let path), .local(let path): FilePlace.split(path).name
        }
    }
}
