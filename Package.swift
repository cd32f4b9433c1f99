// swift-tools-version:6.1
import PackageDescription

// A target lists just the modules that stand above it in Documentation/architecture.md;
// an import that is not listed here does not build.
let nio = "swift-nio"

func product(_ name: String, _ package: String) -> Target.Dependency {
    .product(name: name, package: package)
}

let logging = product("Logging", "swift-log")
let arguments = product("ArgumentParser", "swift-argument-parser")
let settings: [SwiftSetting] = [.enableUpcomingFeature("InternalImportsByDefault")]

let package = Package(
    name: "edge",
    products: [
        .library(name: "AlwaysOn", targets: ["AlwaysOn"]),
        .executable(name: "wsems", targets: ["wsems"]),
        .executable(name: "luaScriptResource", targets: ["luaScriptResource"]),
        .executable(name: "thingplatform", targets: ["thingplatform"]),
        .executable(name: "edgectl", targets: ["edgectl"]),
        // Preloaded into programs under test.
        .library(name: "FaultShim", type: .dynamic, targets: ["CFaultShim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // MARK: Protocol
        .target(name: "Formats", dependencies: [product("NIOCore", nio)]),
        .target(name: "AlwaysOn", dependencies: ["Formats", product("NIOCore", nio)]),
        .target(name: "AlwaysOnSession", dependencies: ["AlwaysOn", "Formats", product("NIOCore", nio)], swiftSettings: settings),
        .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "AlwaysOnTransport",
            dependencies: [
                "AlwaysOn", "CZlib", "AlwaysOnSession", "Formats", "NetworkSupport", product("NIOConcurrencyHelpers", nio),
                product("NIOCore", nio), product("NIOPosix", nio),
                product("NIOHTTP1", nio), product("NIOWebSocket", nio),
            ], swiftSettings: settings),
        .target(
            name: "NetworkSupport",
            dependencies: [
                "Formats", product("NIOCore", nio), product("NIOPosix", nio), product("NIOHTTP1", nio), product("NIOTLS", nio),
                product("NIOConcurrencyHelpers", nio),
                product("NIOSSL", "swift-nio-ssl"), product("X509", "swift-certificates"), product("SwiftASN1", "swift-asn1"),
                product("Crypto", "swift-crypto"),
            ],
            swiftSettings: settings),
        // MARK: Common ground of the programs
        .target(
            name: "Secrets", dependencies: ["Formats", product("Crypto", "swift-crypto"), product("NIOCore", nio)], swiftSettings: settings),
        .target(name: "Metrics", dependencies: ["Formats", product("NIOCore", nio)], swiftSettings: settings),
        .target(name: "LogSupport", dependencies: ["Formats", logging, product("NIOConcurrencyHelpers", nio)], swiftSettings: settings),
        .target(
            name: "ProgramSupport",
            dependencies: [
                "Formats", "LogSupport", "Metrics", "Secrets", logging, arguments, product("NIOConcurrencyHelpers", nio),
                product("NIOCore", nio),
            ], swiftSettings: settings),
        .target(name: "Settings", dependencies: ["Formats", "Secrets", product("NIOCore", nio)], swiftSettings: settings),
        .target(
            name: "HTTPTransport",
            dependencies: [
                "Formats", "LogSupport", "Metrics", "NetworkSupport", logging, product("NIOCore", nio), product("NIOPosix", nio),
                product("NIOHTTP1", nio), product("NIOTLS", nio), product("NIOWebSocket", nio),
                product("NIOConcurrencyHelpers", nio), product("NIOSSL", "swift-nio-ssl"),
            ], swiftSettings: settings),
        .target(
            name: "EdgeREST",
            dependencies: [
                "AlwaysOn", "HTTPTransport", "Formats", product("NIOCore", nio), product("NIOPosix", nio), product("NIOHTTP1", nio),
                product("NIOConcurrencyHelpers", nio),
            ],
            swiftSettings: settings),
        .target(name: "CClock"),
        .target(
            name: "MessageStore",
            dependencies: ["CClock", "CZlib", "Formats", "Secrets", product("NIOCore", nio), product("NIOPosix", nio)],
            swiftSettings: settings),
        .target(name: "CFiles"),
        .target(
            name: "FileTransfer",
            dependencies: [
                "CFiles", "Formats", "Secrets", product("Crypto", "swift-crypto"), product("NIOConcurrencyHelpers", nio),
                product("NIOCore", nio), product("NIOPosix", nio),
            ],
            swiftSettings: settings),
        .target(
            name: "AlwaysOnFiles", dependencies: ["AlwaysOn", "FileTransfer", "Formats", product("NIOCore", nio)], swiftSettings: settings),
        .target(name: "Tunnels", dependencies: ["Formats", product("NIOCore", nio)], swiftSettings: settings),
        .target(
            name: "TunnelTransport",
            dependencies: [
                "AlwaysOnSession", "AlwaysOnTransport", "Formats", "NetworkSupport", "Tunnels", product("NIOCore", nio),
                product("NIOHTTP1", nio),
                product("NIOPosix", nio), product("NIOWebSocket", nio),
            ], swiftSettings: settings),
        // MARK: Gateway
        .target(
            name: "EdgeCore",
            dependencies: [
                "AlwaysOn", "AlwaysOnFiles", "AlwaysOnSession", "AlwaysOnTransport", "FileTransfer", "Formats", "LogSupport",
                "MessageStore", "Metrics",
                "NetworkSupport", "Secrets", "Settings", "TunnelTransport", "Tunnels", logging, product("NIOCore", nio),
                product("NIOHTTP1", nio),
                product("NIOPosix", nio),
            ], swiftSettings: settings),
        .target(
            name: "EdgeHTTP",
            dependencies: [
                "AlwaysOn", "EdgeCore", "FileTransfer", "MessageStore", "Metrics", "EdgeREST", "HTTPTransport", "LogSupport",
                "NetworkSupport", "Secrets", "Formats", logging, product("NIOCore", nio), product("NIOHTTP1", nio),
                product("NIOConcurrencyHelpers", nio), product("Crypto", "swift-crypto"),
            ],
            swiftSettings: settings),
        // MARK: Lua
        .target(name: "CLuaJIT", linkerSettings: [.linkedLibrary("luajit-5.1")]),
        .target(name: "LuaRuntime", dependencies: ["CLuaJIT"], swiftSettings: settings),
        .target(
            name: "ScriptResource",
            dependencies: [
                "AlwaysOn", "AlwaysOnFiles", "EdgeREST", "FileTransfer", "LuaRuntime", "CZip", "HTTPTransport", "LogSupport",
                "MessageStore", "Metrics", "NetworkSupport", product("Crypto", "swift-crypto"), "Secrets", "Settings", "Formats",
                logging, product("NIOConcurrencyHelpers", nio), product("NIOCore", nio), product("NIOPosix", nio),
                product("NIOHTTP1", nio),
            ],
            exclude: ["thingworx"], swiftSettings: settings),
        // MARK: Platform
        .target(
            name: "ThingModel",
            dependencies: ["AlwaysOn", "CCrypt", "Formats", "Secrets", product("Crypto", "swift-crypto"), product("NIOCore", nio)],
            swiftSettings: settings),
        .systemLibrary(name: "CCrypt"),
        .target(
            name: "PlatformStore",
            dependencies: [
                "AlwaysOn", "Formats", "ThingModel", product("GRDB", "GRDB.swift"), product("NIOCore", nio),
                product("NIOFoundationCompat", nio),
            ], swiftSettings: settings),
        .target(
            name: "ThingPlatform",
            dependencies: [
                "AlwaysOn", "AlwaysOnFiles", "FileTransfer", "AlwaysOnSession", "AlwaysOnTransport", "HTTPTransport", "LogSupport",
                "Metrics", "NetworkSupport", "Secrets", "Settings",
                "Formats", "TunnelTransport", "Tunnels", logging,
                product("NIOCore", nio), product("NIOPosix", nio), product("NIOHTTP1", nio), product("NIOWebSocket", nio),
                product("NIOConcurrencyHelpers", nio),
                product("Crypto", "swift-crypto"), "EdgeREST", "ThingModel",
            ], swiftSettings: settings),
        .target(
            name: "PlatformConsole", dependencies: ["Formats", "HTTPTransport", product("NIOCore", nio), product("NIOHTTP1", nio)],
            exclude: ["console"],
            swiftSettings: settings),
        // MARK: Programs
        .executableTarget(
            name: "wsems",
            dependencies: [
                "AlwaysOnTransport", "EdgeCore", "MessageStore", "EdgeHTTP", "HTTPTransport", "LogSupport", "NetworkSupport",
                "ProgramSupport", "Secrets", "Settings", "Formats", logging, arguments, product("NIOCore", nio), product("NIOPosix", nio),
                product("NIOConcurrencyHelpers", nio),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "luaScriptResource",
            dependencies: [
                "ScriptResource", "LogSupport", "MessageStore", "ProgramSupport", "LuaRuntime", "HTTPTransport", logging, arguments,
                product("NIOCore", nio), product("NIOPosix", nio),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "thingplatform",
            dependencies: [
                "AlwaysOnTransport", "HTTPTransport", "LogSupport", "NetworkSupport", "PlatformConsole", "PlatformStore", "ProgramSupport",
                "Secrets", "ThingModel",
                "ThingPlatform", logging, arguments, product("NIOCore", nio), product("NIOPosix", nio),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "edgectl",
            dependencies: [
                "AlwaysOn", "CZlib", "AlwaysOnTransport", "EdgeCore", "NetworkSupport", "TunnelTransport", "Tunnels", "MessageStore",
                "EdgeREST", "Secrets", "Settings", "HTTPTransport", "ProgramSupport", "Formats", logging, arguments,
                product("NIOConcurrencyHelpers", nio), product("NIOCore", nio), product("NIOPosix", nio), product("NIOHTTP1", nio),
            ],
            swiftSettings: settings),
        // MARK: Tests
        .target(
            name: "FuzzTargets",
            dependencies: [
                "AlwaysOn", "AlwaysOnFiles", "AlwaysOnSession", "AlwaysOnTransport", "ChaosModel", "FileTransfer", "EdgeCore", "EdgeHTTP",
                "EdgeREST", "Formats", "HTTPTransport", "LogSupport", "LuaRuntime",
                "MessageStore", "NetworkSupport", "ScriptResource", "Secrets", "TestKit", "ThingModel", "ThingPlatform", "Tunnels", logging,
                product("NIOCore", nio), product("NIOEmbedded", nio),
                product("NIOHTTP1", nio), product("NIOPosix", nio), product("NIOWebSocket", nio),
            ], path: "Tests/FuzzTargets"),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "TestKit"], exclude: ["Corpus"]),
        .target(name: "CSpawn", path: "Tests/CSpawn"),
        .target(
            name: "TestKit",
            dependencies: [
                "CSpawn", "Formats", "ThingModel", product("NIOConcurrencyHelpers", nio), product("NIOCore", nio),
                product("X509", "swift-certificates"), product("SwiftASN1", "swift-asn1"),
                product("Crypto", "swift-crypto"),
            ], path: "Tests/TestKit"),
        .testTarget(
            name: "WebSocketConformanceTests",
            dependencies: [
                "AlwaysOnSession", "AlwaysOnTransport", "Formats", product("NIOCore", nio), product("NIOEmbedded", nio),
                product("NIOHTTP1", nio),
                product("NIOWebSocket", nio),
            ]),
        .testTarget(name: "FormatsTests", dependencies: ["Formats", "TestKit"]),
        .testTarget(name: "AlwaysOnTests", dependencies: ["AlwaysOn", "TestKit"], resources: [.copy("Fixtures")]),
        .testTarget(name: "AlwaysOnSessionTests", dependencies: ["AlwaysOn", "AlwaysOnSession", "Formats", "TestKit"]),
        .testTarget(
            name: "NetworkSupportTests",
            dependencies: [
                "HTTPTransport", "NetworkSupport", "TestKit", logging, product("NIOCore", nio), product("NIOPosix", nio),
                product("NIOSSL", "swift-nio-ssl"),
            ]),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics", product("NIOCore", nio)]),
        .testTarget(
            name: "LogSupportTests", dependencies: ["Formats", "LogSupport", "TestKit", logging, product("NIOConcurrencyHelpers", nio)]),
        .testTarget(name: "EdgeHTTPTests", dependencies: ["EdgeHTTP", "TestKit", product("NIOCore", nio)]),
        .testTarget(
            name: "HTTPTransportTests",
            dependencies: [
                "HTTPTransport", "TestKit", logging, product("NIOConcurrencyHelpers", nio), product("NIOCore", nio),
                product("NIOPosix", nio), product("NIOHTTP1", nio),
            ]),
        .testTarget(
            name: "AlwaysOnTransportTests",
            dependencies: [
                "AlwaysOn", "AlwaysOnSession", "AlwaysOnTransport", "HTTPTransport", "NetworkSupport", "TestKit", logging,
                product("NIOConcurrencyHelpers", nio),
                product("NIOCore", nio), product("NIOHTTP1", nio), product("NIOPosix", nio), product("NIOWebSocket", nio),
            ]),
        .testTarget(
            name: "Acceptance",
            dependencies: [
                "AlwaysOn", "EdgeREST", "Formats", "HTTPTransport", "MessageStore", "Metrics", "NetworkSupport", "ProgramSupport",
                "Secrets", "TestKit", logging,
                "edgectl", "luaScriptResource", "thingplatform", "wsems",
                product("NIOCore", nio), product("NIOPosix", nio), product("NIOHTTP1", nio), product("Crypto", "swift-crypto"),
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "EdgeCoreTests",
            dependencies: [
                "AlwaysOn", "EdgeCore", "Formats", "MessageStore", "Secrets", "Settings", "TestKit", logging, product("NIOCore", nio),
                product("NIOPosix", nio),
            ]),
        .testTarget(
            name: "ThingPlatformTests",
            dependencies: [
                "AlwaysOn", "Formats", "Secrets", "TestKit", "ThingModel", "ThingPlatform", logging, product("NIOCore", nio),
                product("NIOPosix", nio),
            ]),
        .testTarget(
            name: "PlatformStoreTests",
            dependencies: [
                "AlwaysOn", "Formats", "PlatformStore", "TestKit", "ThingModel", product("GRDB", "GRDB.swift"), product("NIOCore", nio),
                product("NIOPosix", nio),
            ]),
        .testTarget(
            name: "FileTransferTests",
            dependencies: [
                "AlwaysOn", "AlwaysOnFiles", "FileTransfer", "Formats", "TestKit", product("Crypto", "swift-crypto"),
                product("NIOCore", nio), product("NIOPosix", nio),
            ]),
        .testTarget(name: "TunnelTests", dependencies: ["Formats", "TestKit", "Tunnels", product("NIOCore", nio)]),
        .testTarget(name: "LuaRuntimeTests", dependencies: ["LuaRuntime"]),
        .target(name: "CFaultControl", path: "Tests/Chaos/CFaultControl"),
        .target(
            name: "CFaultShim", dependencies: ["CFaultControl"], path: "Tests/Chaos/CFaultShim", linkerSettings: [.linkedLibrary("dl")]),
        .testTarget(
            name: "ChaosTests",
            dependencies: [
                "CFaultControl", "EdgeREST", "Formats", "HTTPTransport", "TestKit", "thingplatform", "wsems",
                product("NIOConcurrencyHelpers", nio),
                product("NIOCore", nio), product("NIOPosix", nio),
            ], path: "Tests/Chaos/Processes"),
        .target(
            name: "ChaosModel", dependencies: ["MessageStore", "Secrets", "TestKit", product("NIOCore", nio)], path: "Tests/Chaos/Model"),
        .testTarget(
            name: "MessageStoreTests",
            dependencies: [
                "ChaosModel", "Formats", "MessageStore", "Secrets", "TestKit", product("NIOCore", nio), product("NIOPosix", nio),
            ]),
        .testTarget(name: "SecretsTests", dependencies: ["Formats", "Secrets", "TestKit"]),
    ],
    swiftLanguageModes: [.v6]
)

// Links only with the fuzzer's runtime: see `make fuzz`.
if Context.environment["EDGE_FUZZ"] != nil {
    package.targets += [
        .target(name: "CFuzzer", path: "Tests/CFuzzer"),
        .executableTarget(name: "edge-fuzz", dependencies: ["CFuzzer", "FuzzTargets"], path: "Tests/edge-fuzz"),
    ]
}

// Crashes of the store on a model disk, optimised: see `make chaos-model`.
if Context.environment["EDGE_CHAOS"] != nil {
    package.targets += [.executableTarget(name: "edge-chaos", dependencies: ["ChaosModel"], path: "Tests/Chaos/edge-chaos")]
}

// The store by itself: see Benchmarks/store.
if Context.environment["EDGE_BENCH"] != nil {
    package.targets += [
        .executableTarget(
            name: "store-bench",
            dependencies: [
                "AlwaysOn", "EdgeCore", "MessageStore", "Secrets", product("NIOConcurrencyHelpers", nio), product("NIOCore", nio),
                product("NIOPosix", nio),
            ],
            path: "Benchmarks/Store", exclude: ["peers.c"]),
        .executableTarget(
            name: "platform-bench",
            dependencies: [
                "AlwaysOn", "AlwaysOnSession", "AlwaysOnTransport", "EdgeREST", "Formats", "PlatformStore", "ThingModel",
                product("NIOConcurrencyHelpers", nio), product("NIOCore", nio),
                product("NIOPosix", nio),
            ], path: "Benchmarks/Platform"),
    ]
}

// The site of the library's reference: see `make site`.
if Context.environment["EDGE_DOCS"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
