import Glibc

/// Configurations where none is named: below the working directory, as the programs themselves have it, else those of the packages'
/// services.
enum StandardPaths {
    static var gateway: String { first("etc/config.json", "/etc/edge-gateway/config.json") }
    static var lua: String { first("etc/config.lua", "/etc/edge-lua/config.lua") }

    private static func first(_ near: String, _ installed: String) -> String {
        access(near, F_OK) != 0 && access(installed, F_OK) == 0 ? installed : near
    }
}
