// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import Foundation
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
]

let cSettings: [CSetting] = [
    .define("_GNU_SOURCE"),
    .treatAllWarnings(as: .error),
]

// libelf.a needs zstd from elfutils 0.189 on, and its package then brings libzstd.a along; Debian 12 has neither.
let zstd = ["x86_64", "aarch64"].contains {
    FileManager.default.fileExists(atPath: "/usr/lib/\($0)-linux-gnu/libzstd.a")
}

let package = Package(
    name: "sensord",
    products: [
        .executable(name: "sensord", targets: ["sensord"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // Also for its lock. Linux's Synchronization.Mutex takes a contended lock within the standard library, which is not
        // instrumented: ThreadSanitizer then calls everything under such a lock a race. It does know pthread's.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        // Without its traits: they bring Foundation and a configuration library along.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .target(
            name: "CSensorBPF",
            cSettings: cSettings,
            linkerSettings: [
                .linkedLibrary(":libbpf.a"),
                .linkedLibrary(":libelf.a"),
                .linkedLibrary(":libz.a"),
            ] + (zstd ? [.linkedLibrary(":libzstd.a")] : [])
        ),
        .target(
            name: "SensorCore",
            dependencies: [
                "CSensorBPF",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["Contract/posture.proto", "Posture/Convergence/CONVERGENCE.md", "Posture/Exercise/EXERCISE.md"],
            swiftSettings: swiftSettings,
            plugins: ["BPFObject"]
        ),
        .executableTarget(
            name: "sensord",
            dependencies: [
                "SensorCore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SensorCoreTests",
            dependencies: [
                "SensorCore",
                "SensorTestSupport",
                "CSensorBPF",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: swiftSettings
        ),
        // What tests of several targets need: a cluster's API server, processes.
        .target(
            name: "SensorTestSupport",
            dependencies: [
                "SensorCore",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            path: "Tests/SensorTestSupport",
            swiftSettings: swiftSettings
        ),
        // What the kernel tests watch.
        .executableTarget(
            name: "sensor-workload",
            path: "Tests/Workload",
            cSettings: cSettings
        ),
        .testTarget(
            name: "SensordTests",
            dependencies: [
                "sensord",
                "SensorCore",
                "SensorTestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: swiftSettings
        ),
        .plugin(name: "BPFObject", capability: .buildTool(), exclude: ["embed.sh"]),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers link only with libFuzzer: see make fuzz.
if Context.environment["SENSORD_FUZZ"] != nil {
    package.targets.append(.target(name: "FuzzDriver", path: "Tests/Fuzz/FuzzDriver", swiftSettings: swiftSettings))
    package.targets += ["RecordFuzzer", "RedactorFuzzer", "KubeconfigFuzzer", "ToolCallFuzzer", "TraceFuzzer"].map {
        name in
        .executableTarget(
            name: name,
            dependencies: ["FuzzDriver", "SensorCore", "CSensorBPF"],
            path: "Tests/Fuzz/\(name)",
            swiftSettings: swiftSettings
        )
    }
}

// Run by hand: see Benchmarks/README.md.
if Context.environment["SENSORD_BENCHMARKS"] != nil {
    for name in ["EncoderBenchmark", "PostureSimulation", "PipelineBenchmark", "PostureBenchmark"] {
        package.targets.append(
            .executableTarget(
                name: name,
                dependencies: [
                    "SensorCore", "CSensorBPF", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                ],
                path: "Benchmarks/\(name)",
                swiftSettings: swiftSettings
            ))
    }
    package.targets.append(
        .executableTarget(
            name: "ClusterBenchmark",
            dependencies: [
                "SensorCore",
                "SensorTestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Benchmarks/ClusterBenchmark",
            swiftSettings: swiftSettings
        ))
}
