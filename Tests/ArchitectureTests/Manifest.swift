/// Reads the arrows out of Package.swift's text, which is all that a test can see of it.
enum Manifest {
    /// Target name to the names in its `dependencies`, for every `.target` and `.executableTarget`.
    static func dependencies(in manifest: String) -> [String: Set<String>] {
        var result: [String: Set<String>] = [:]
        for declaration in declarations(in: manifest) {
            guard let name = literals(in: declaration).first else { continue }
            guard let start = declaration.firstRange(of: "dependencies:") else {
                result[name] = []
                continue
            }
            let list = declaration[start.upperBound...].prefix(while: { $0 != "]" })
            result[name] = Set(literals(in: list))
        }
        return result
    }

    /// The texts between one `.target(` or `.executableTarget(` and the next declaration.
    private static func declarations(in manifest: String) -> [Substring] {
        var found: [Substring] = []
        for opening in [".target(", ".executableTarget("] {
            for range in manifest.ranges(of: opening) {
                let rest = manifest[range.upperBound...]
                let ends = [".target(", ".executableTarget(", ".testTarget(", ".systemLibrary("]
                    .compactMap { rest.firstRange(of: $0)?.lowerBound }
                found.append(rest[..<(ends.min() ?? rest.endIndex)])
            }
        }
        return found
    }

    private static func literals(in text: Substring) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}
