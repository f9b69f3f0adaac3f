// swift-tools-version: 6.2
import PackageDescription

// One folder is one module; each imports only what stands below it (ARCHITECTURE.md). Tests/ArchitectureTests checks the arrows.

/// For modules that never touch a raw pointer: the compiler proves it.
let safe: [SwiftSetting] = [.treatAllWarnings(as: .error), .strictMemorySafety()]
/// For the few that wrap C: raw pointers are their job.
let wrapper: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "confab",
    products: [
        .executable(name: "confab", targets: ["confab"]),
        .library(name: "Client", targets: ["Client"]),
    ],
    targets: [
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CLinux"),
        .target(name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),

        .target(name: "Memory", swiftSettings: wrapper),
        .target(name: "Diagnostics", swiftSettings: wrapper),

        .target(name: "JSON", dependencies: ["Memory"], swiftSettings: safe),
        .target(name: "MQTT", dependencies: ["Memory"], swiftSettings: safe),
        .target(name: "Topics", dependencies: ["Memory"], swiftSettings: safe),
        .target(name: "Media", swiftSettings: safe),

        .target(name: "Identity", dependencies: ["COpenSSL", "JSON", "Diagnostics", "Topics"], swiftSettings: wrapper),
        .target(
            name: "Persistence",
            dependencies: ["CPostgres", "CLinux", "COpenSSL", "Topics", "JSON", "Diagnostics", "Memory"],
            swiftSettings: wrapper),
        .target(
            name: "Transport", dependencies: ["CLinux", "COpenSSL", "Memory", "Diagnostics"], swiftSettings: wrapper),

        .target(
            name: "Broker",
            dependencies: ["MQTT", "Topics", "JSON", "Identity", "Persistence", "Transport", "Memory", "Diagnostics"],
            swiftSettings: safe),
        .target(
            name: "RestBridge",
            dependencies: ["Broker", "Topics", "JSON", "Media", "Identity", "Persistence", "Transport", "Diagnostics"],
            swiftSettings: safe),
        .target(
            name: "Client", dependencies: ["MQTT", "Identity", "Transport", "JSON", "Memory", "Diagnostics"],
            swiftSettings: safe),
        .executableTarget(
            name: "confab",
            dependencies: ["RestBridge", "Broker", "Identity", "Persistence", "Transport", "Diagnostics", "CLinux"],
            swiftSettings: wrapper),

        // Programs that use `Client`, each with its README.
        .target(name: "BotSupport", dependencies: ["Client"], path: "examples/support", swiftSettings: wrapper),
        .executableTarget(
            name: "echo-bot", dependencies: ["BotSupport", "Client"], path: "examples/echo-bot", exclude: ["README.md"],
            swiftSettings: wrapper),
        .executableTarget(
            name: "moderation-bot", dependencies: ["BotSupport", "Client"], path: "examples/moderation-bot",
            exclude: ["README.md"], swiftSettings: wrapper),

        .testTarget(name: "MemoryTests", dependencies: ["Memory"], swiftSettings: wrapper),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: wrapper),
        .testTarget(name: "MQTTTests", dependencies: ["MQTT"], swiftSettings: wrapper),
        .testTarget(name: "MediaTests", dependencies: ["Media"], swiftSettings: wrapper),
        .testTarget(name: "TopicsTests", dependencies: ["Topics"], swiftSettings: wrapper),
        .testTarget(name: "IdentityTests", dependencies: ["Identity"], swiftSettings: wrapper),
        .testTarget(name: "PersistenceTests", dependencies: ["Persistence"], swiftSettings: wrapper),
        .testTarget(
            name: "TransportTests", dependencies: ["Transport", "Diagnostics", "CLinux", "COpenSSL"],
            swiftSettings: wrapper),
        .testTarget(
            name: "ClientTests", dependencies: ["Client", "MQTT", "Identity", "Transport", "Diagnostics"],
            swiftSettings: wrapper),
        .testTarget(name: "BrokerTests", dependencies: ["Broker"], swiftSettings: wrapper),
        .testTarget(name: "RestBridgeTests", dependencies: ["RestBridge"], swiftSettings: wrapper),
        .testTarget(name: "ConfabTests", dependencies: ["confab"], swiftSettings: wrapper),
        .testTarget(name: "ArchitectureTests", swiftSettings: wrapper),
    ],
    swiftLanguageModes: [.v6]
)

// `make fuzz` and `make simulate` only: programs that reach into the modules, so that no release build could contain them.
let isFuzzing = Context.environment["CONFAB_FUZZ"] != nil
let isSimulating = Context.environment["CONFAB_SIMULATION"] != nil

if isFuzzing || isSimulating {
    package.targets.append(
        .target(
            name: "ShardSupport", dependencies: ["Broker", "Transport"], path: "Tests/ShardSupport",
            swiftSettings: wrapper))
}

// A whole hub with its clients and its database on one thread.
if isSimulating {
    package.targets.append(
        .executableTarget(
            name: "Simulation",
            dependencies: [
                "ShardSupport", "Broker", "Transport", "Persistence", "Identity", "Topics", "MQTT", "Diagnostics",
            ], path: "Tests/Simulation", swiftSettings: wrapper))
}

// Programs that libFuzzer drives, one for each folder in Fuzz but Support.
if isFuzzing {
    let programs: [(name: String, modules: [Target.Dependency])] = [
        ("MQTT", ["MQTT"]), ("Topics", ["Topics"]), ("JSON", ["JSON"]), ("Media", ["Media"]),
        ("Transport", ["Transport"]),
        (
            "Broker",
            [
                "ShardSupport", "Broker", "Transport", "Persistence", "Identity", "Topics", "JSON", "MQTT",
                "Diagnostics",
            ]
        ),
    ]
    package.targets.append(.target(name: "FuzzSupport", path: "Fuzz/Support", swiftSettings: wrapper))
    package.targets += programs.map { program in
        .executableTarget(
            name: "Fuzz\(program.name)", dependencies: ["FuzzSupport"] + program.modules, path: "Fuzz/\(program.name)",
            // Of what the broker's tests have, the sockets and threads.
            exclude: program.name == "Broker"
                ? [
                    "Support/TestHub.swift", "Support/TestClient.swift", "Support/TestClient+Retained.swift",
                    "Support/TestClient+Work.swift",
                ] : [],
            swiftSettings: wrapper)
    }
}
