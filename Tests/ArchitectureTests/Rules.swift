/// What a module may do. The table is the map of ARCHITECTURE.md; a new arrow is a decision, made here and in Package.swift.
struct Rules {
    /// Modules of ours that may be imported.
    let ours: Set<String>
    /// The system's modules that may be imported.
    let system: Set<String>
    /// Whether raw pointers (`Unsafe…`) may appear.
    let rawPointers: Bool
    /// Whether SQL may appear.
    let sql: Bool

    private init(_ ours: Set<String>, system: Set<String> = [], rawPointers: Bool = false, sql: Bool = false) {
        self.ours = ours
        self.system = system
        self.rawPointers = rawPointers
        self.sql = sql
    }

    static let lineCountMax = 400

    private static let operatingSystem: Set<String> = ["Glibc", "Synchronization"]
    private static let noClock: Set<String> = ["Synchronization"]

    /// Modules from the bottom up: each may import only what stands above it in this list.
    static let byModule: [String: Rules] = [
        "Memory": Rules([], system: operatingSystem, rawPointers: true),
        "Diagnostics": Rules([], system: operatingSystem, rawPointers: true),
        "JSON": Rules(["Memory"]),
        "MQTT": Rules(["Memory"]),
        "Topics": Rules(["Memory"]),
        "Media": Rules([]),
        "Identity": Rules(
            ["COpenSSL", "JSON", "Diagnostics", "Topics"], system: operatingSystem, rawPointers: true),
        "Persistence": Rules(
            ["CPostgres", "CLinux", "COpenSSL", "Topics", "JSON", "Diagnostics", "Memory"],
            system: operatingSystem, rawPointers: true, sql: true),
        "Transport": Rules(
            ["CLinux", "COpenSSL", "Memory", "Diagnostics"], system: operatingSystem, rawPointers: true),
        "Broker": Rules(
            ["MQTT", "Topics", "JSON", "Identity", "Persistence", "Transport", "Memory", "Diagnostics"],
            system: noClock),
        "RestBridge": Rules(
            ["Broker", "Topics", "JSON", "Media", "Identity", "Persistence", "Transport", "Diagnostics"],
            system: noClock),
        "Client": Rules(["MQTT", "Identity", "Transport", "JSON", "Memory", "Diagnostics"], system: noClock),
        "confab": Rules(
            ["RestBridge", "Broker", "Identity", "Persistence", "Transport", "Diagnostics", "CLinux"],
            system: operatingSystem, rawPointers: true),
    ]

    /// Folders that hold C, which has no imports to check.
    static let headerModules: Set<String> = ["CLinux", "COpenSSL", "CPostgres"]
}
