/// A flag of a command: its name, what its value is called (empty: it needs none), what it does.
typealias Flag = (name: String, value: String, text: String)

/// What came of a command line.
enum Parsed<Options> {
    case options(Options)
    case help
    /// The argument or variable, and what is wrong with it.
    case wrong(String)
}

/// The options of one command, read from flags and from the environment's `CONFAB_…`; the flag wins.
protocol CommandOptions {
    static var flags: [Flag] { get }
    /// Flags that the environment is not asked for.
    static var commandLineOnly: Set<String> { get }
    /// Flags that add to what they gave before.
    static var repeatable: Set<String> { get }

    init()

    /// Takes one of `flags`.
    /// - Returns: what is wrong with the value.
    mutating func set(_ name: String, _ value: String) -> String?
    /// What is wrong with all of them together.
    var problem: String? { get }
}

extension CommandOptions {
    static var commandLineOnly: Set<String> { [] }
    static var repeatable: Set<String> { [] }

    static func parse(_ arguments: some Sequence<String>, environment: (String) -> String?) -> Parsed<Self> {
        var options = Self()
        // Where a value comes from is told with what is wrong with it.
        var given: [(source: String, name: String, value: String)] = []
        for flag in flags where !commandLineOnly.contains(flag.name) {
            let name = "CONFAB_" + flag.name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
            // An empty variable is how Compose files leave one out.
            if let value = environment(name), !value.isEmpty { given.append((name, flag.name, value)) }
        }
        let environmentCount = given.count
        var rest = Array(arguments)[...]
        while let argument = rest.popFirst() {
            if argument == "--help" || argument == "-h" { return .help }
            guard argument.hasPrefix("--") else { return .wrong("\(argument): not a flag") }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard let flag = flags.first(where: { $0.name == name }) else { return .wrong("--\(name): unknown flag") }
            if parts.count == 2 {
                given.append(("--\(name)", name, String(parts[1])))
            } else if flag.value.isEmpty {
                given.append(("--\(name)", name, "on"))
            } else {
                guard let value = rest.popFirst() else { return .wrong("--\(name): \(flag.value) is missing") }
                given.append(("--\(name)", name, value))
            }
        }
        // Other flags are set again by the command line, these would be added to.
        let again = repeatable.intersection(given[environmentCount...].map(\.name))
        given = given[..<environmentCount].filter { !again.contains($0.name) } + given[environmentCount...]
        for (source, name, value) in given {
            // An empty path would mean the root directory.
            let problem = value.isEmpty ? "the value is empty" : options.set(name, value)
            if let problem { return .wrong("\(source): \(problem)") }
        }
        if let problem = options.problem { return .wrong(problem) }
        return .options(options)
    }

    /// One line for each flag.
    static var flagList: String {
        var text = ""
        for flag in flags {
            let head = "  --\(flag.name)" + (flag.value.isEmpty ? "" : " \(flag.value)")
            text += head + String(repeating: " ", count: max(2, 24 - head.count)) + flag.text + "\n"
        }
        return text
    }
}
