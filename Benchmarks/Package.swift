// swift-tools-version:6.1
import PackageDescription

// A package of its own, so that users of the product do not build it.
let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "edge", path: ".."),
        .package(url: "https://github.com/google/swift-benchmark", from: "0.1.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .target(name: "CAllocations"),
        .executableTarget(
            name: "codec",
            dependencies: [
                "CAllocations", .product(name: "AlwaysOn", package: "edge"), .product(name: "Benchmark", package: "swift-benchmark"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
    ])
