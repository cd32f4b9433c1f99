/// What reads bytes of strangers, each behind one function that takes any bytes and must neither crash nor dawdle.
package enum FuzzTarget: String, CaseIterable, Sendable {
    // Codecs
    case message
    case infotable
    case json
    case deflate
    // Whole paths through public entries
    case table
    case device
    // Connections
    case frames
    case multipart
    case session
    case platform
    case local
    // Files
    case store
    case form
    case files
    case tunnels
    // The Lua host
    case lua
    case source
    case scripts

    package func run(_ bytes: [UInt8]) {
        switch self {
        case .message: FuzzTarget.message(bytes)
        case .infotable: FuzzTarget.infotable(bytes)
        case .json: FuzzTarget.json(bytes)
        case .deflate: FuzzTarget.deflate(bytes)
        case .table: FuzzTarget.table(bytes)
        case .device: FuzzTarget.device(bytes)
        case .frames: FuzzTarget.frames(bytes)
        case .multipart: FuzzTarget.multipart(bytes)
        case .session: SessionPath.run(bytes)
        case .platform: PlatformPath.run(bytes)
        case .local: LocalPath.run(bytes)
        case .store: StorePath.run(bytes)
        case .form: FilePaths.form(bytes)
        case .files: FilePaths.service(bytes)
        case .tunnels: TunnelPaths.run(bytes)
        case .lua: LuaPath.json(bytes)
        case .source: LuaPath.source(bytes)
        case .scripts: LuaPath.request(bytes)
        }
    }

    /// What an input may cost: so much, and so much for each of its bytes.
    package struct Cost: Sendable {
        package var milliseconds = 100
        package var memory = 1 << 20
        package var memoryPerByte = 10

        package func memory(for count: Int) -> Int { memory + memoryPerByte * count }
    }

    package var cost: Cost {
        switch self {
        case .json, .deflate, .frames, .multipart: Cost()
        // Each byte of a form may be an event of its own.
        case .form: Cost(memoryPerByte: 400)
        // A disk of its own, a store with all its files read several times.
        case .store: Cost(memory: 16 << 20, memoryPerByte: 400)
        // Each message may be answered by some of several KiB.
        case .tunnels: Cost(memory: 8 << 20, memoryPerByte: 4000)
        // Tokens and edits, in arrays that grow by doubling.
        case .source: Cost(memoryPerByte: 400)
        // A cell of a byte becomes a value of some dozens, in an array that grows by doubling; and cells are made of nothing.
        case .message, .infotable, .table, .device, .files: Cost(memory: 2 << 20, memoryPerByte: 600)
        // Sessions, a model and log lines of their own.
        case .session, .platform, .local: Cost(memory: 8 << 20, memoryPerByte: 1200)
        // Memory is the other threads' and the state's own; what the state may have is bounded in it.
        case .lua, .scripts: Cost(milliseconds: 500, memory: 64 << 20, memoryPerByte: 200)
        }
    }

    /// How inputs are mutated.
    package enum Form: Sendable { case bytes, wireTable, wireMessage, json }

    package var form: Form {
        switch self {
        case .infotable, .table, .files: .wireTable
        case .message: .wireMessage
        case .json, .device, .lua: .json
        default: .bytes
        }
    }
}
