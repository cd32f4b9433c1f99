// swift-tools-version:6.1
import PackageDescription

// A target lists just the modules that stand above it in Documentation/architecture.md;
// an import that is not listed here does not build.
let nio = "swift-nio"

func product(_ name: String, _ package: String) -> Target.Dependency {
    .product(name: name, package: package)
}

let package = Package(
    name: "edge",
    products: [
        .library(name: "AlwaysOn", targets: ["AlwaysOn"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: [
        // MARK: Protocol
        .target(name: "Formats", dependencies: [product("NIOCore", nio)]),
        .target(name: "AlwaysOn", dependencies: ["Formats", product("NIOCore", nio)]),
        // MARK: Tests
        .target(name: "TestKit", dependencies: ["Formats"], path: "Tests/TestKit"),
        .testTarget(name: "FormatsTests", dependencies: ["Formats", "TestKit"]),
        .testTarget(name: "AlwaysOnTests", dependencies: ["AlwaysOn", "TestKit"], resources: [.copy("Fixtures")]),
    ],
    swiftLanguageModes: [.v6]
)
