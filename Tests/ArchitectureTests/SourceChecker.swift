/// Reads one source file's text and tells what in it breaks its module's rules.
struct SourceChecker {
    let module: String
    let rules: Rules

    /// One sentence for each breach, with its line number where there is one.
    func violations(in text: String) -> [String] {
        var found: [String] = []
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.count - 1 > Rules.lineCountMax {
            found.append("\(lines.count - 1) lines, at most \(Rules.lineCountMax)")
        }
        for (index, line) in lines.enumerated() {
            for problem in problems(in: line) { found.append("line \(index + 1): \(problem)") }
        }
        return found
    }

    private func problems(in line: Substring) -> [String] {
        let code = Self.withoutComment(line)
        var found: [String] = []
        if let imported = Self.importedModule(code), !rules.ours.contains(imported), !rules.system.contains(imported) {
            found.append("\(module) must not import \(imported)")
        }
        if !rules.rawPointers, code.contains("Unsafe") || code.contains("unsafe ") {
            found.append("\(module) must not touch raw pointers")
        }
        if !rules.sql, let statement = Self.sqlStatement(code) {
            found.append("\(module) must not speak SQL (\(statement))")
        }
        return found
    }

    /// The line up to its comment. A `//` inside a literal, as in a URL, does not begin one.
    static func withoutComment(_ line: Substring) -> Substring {
        var insideLiteral = false
        var previous: Character = " "
        for index in line.indices {
            let character = line[index]
            if character == "\"" && previous != "\\" { insideLiteral.toggle() }
            if character == "/" && previous == "/" && !insideLiteral { return line[..<line.index(before: index)] }
            previous = character
        }
        return line
    }

    /// The module that a line such as `@testable package import struct Topics.TopicID` names.
    static func importedModule(_ code: Substring) -> String? {
        let words = code.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard let at = words.firstIndex(of: "import"), at + 1 < words.count else { return nil }
        let modifiers: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        guard words[..<at].allSatisfy({ modifiers.contains($0) || $0.hasPrefix("@") }) else { return nil }
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let path = kinds.contains(words[at + 1]) && at + 2 < words.count ? words[at + 2] : words[at + 1]
        return path.split(separator: ".").first.map(String.init)
    }

    /// The statement's first words, if the line holds SQL. Upper case only: prose that says "select" is no SQL.
    static func sqlStatement(_ code: Substring) -> String? {
        let words = code.split(whereSeparator: { !$0.isLetter && $0 != "_" })
        for (index, word) in words.enumerated() {
            let next = index + 1 < words.count ? words[index + 1] : ""
            switch (word, next) {
            case ("SELECT", _), ("INSERT", "INTO"), ("DELETE", "FROM"), ("CREATE", "TABLE"), ("ALTER", "TABLE"),
                ("TRUNCATE", "TABLE"):
                return "\(word) \(next)"
            case ("UPDATE", _) where words.contains("SET"):
                return "UPDATE \(next)"
            default: continue
            }
        }
        return nil
    }
}
