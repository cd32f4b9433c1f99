import FileTransfer
import HTTPTransport

/// Where files of repositories are on the web (platform.md §13).
enum FileLinks {
    static func download(_ path: FilePath, of repository: String) -> String {
        "/Thingworx/FileRepositories/\(PercentEncoding.encode(repository))"
            + path.components.map { "/" + PercentEncoding.encode($0) }.joined()
    }
}
