import Foundation
import Testing

/// The repository's files, found from where this file was compiled.
enum SourceTree {
    struct File: CustomTestStringConvertible, Sendable {
        let module: String
        let path: String
        let text: String
        var testDescription: String { path }
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Folders in Sources: each is a module.
    static func modules() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path)
            .filter { !$0.hasPrefix(".") }.sorted()
    }

    /// Every Swift file below `Sources/MODULE`.
    static func swiftFiles() throws -> [File] {
        var files: [File] = []
        for module in try modules() {
            let folder = root.appending(path: "Sources/\(module)")
            let names = FileManager.default.enumerator(atPath: folder.path)
            while let name = names?.nextObject() as? String {
                guard name.hasSuffix(".swift") else { continue }
                let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
                files.append(File(module: module, path: "Sources/\(module)/\(name)", text: text))
            }
        }
        return files
    }

    static func manifest() throws -> String {
        try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
    }
}
