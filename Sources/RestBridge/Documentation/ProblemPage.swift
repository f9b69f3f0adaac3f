import Transport

/// What a problem's `type` leads to: a page for people (RFC 9457 §3.1.1). Texts may hold `code`.
struct ProblemPage: Sendable {
    static let path = "/docs/problems"

    let name: String
    let title: String
    /// One or two; empty: only MQTT has it.
    let status: String
    /// MQTT 5; empty: only HTTP has it.
    let reason: String
    /// `no`, `later`, or what comes first.
    let retry: String
    let meanings: [String]

    /// - Parameter title: of a problem that is none of `ProblemKind`.
    init(
        _ name: String, title: String? = nil, status: String, reason: String, retry: String, meanings: [String]
    ) {
        guard let title = title ?? ProblemKind(rawValue: name)?.title else {
            preconditionFailure("\(name) has no title")
        }
        self.name = name
        self.title = title
        self.status = status
        self.reason = reason
        self.retry = retry
        self.meanings = meanings
    }

    static func find(_ name: String) -> ProblemPage? { all.first { $0.name == name } }

    var html: String {
        var rows = [("Name", "<code>\(name)</code>")]
        if !status.isEmpty { rows.append(("HTTP", status)) }
        if !reason.isEmpty { rows.append(("MQTT 5", reason)) }
        rows.append(("Retry", advice))
        let table = rows.map { "<dt>\($0.0)</dt><dd>\($0.1)</dd>" }.joined()
        let paragraphs = meanings.map { "<p>\(Self.marked(Self.sentence($0)))</p>" }.joined()
        return Self.page(title, "\(paragraphs)<dl>\(table)</dl><p><a href=\"\(Self.path)\">All problems</a></p>")
    }

    static var index: String {
        let items = all.map { page in
            "<tr><td><a href=\"\(path)/\(page.name)\">\(page.name)</a></td><td>\(page.status)</td><td>\(page.reason)</td>"
                + "<td>\(page.title)</td></tr>"
        }
        return page(
            "Problems",
            "<p>What the hub answers when it cannot do what was asked. An answer names its problem in <code>type</code>, over MQTT 5 "
                + "in the reason string.</p><table><tr><th>Name</th><th>HTTP</th><th>MQTT 5</th><th></th></tr>"
                + items.joined() + "</table>")
    }

    private var advice: String {
        switch retry {
        case "no": "The same request will fail again."
        case "later": "Send the same again after a pause."
        default: "Again " + Self.marked(retry) + "."
        }
    }

    private static func sentence(_ text: String) -> String {
        let start = text.first.map { $0.uppercased() } ?? ""
        return start + text.dropFirst() + "."
    }

    /// Escapes, and makes what stands in backticks code.
    private static func marked(_ text: String) -> String {
        let escaped = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        return escaped.split(separator: "`", omittingEmptySubsequences: false).enumerated().map { index, part in
            index.isMultiple(of: 2) ? String(part) : "<code>\(part)</code>"
        }.joined()
    }

    private static func page(_ title: String, _ body: String) -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>\(title) – Confab</title><link rel="stylesheet" href="/docs/style.css"></head>
        <body><main><h1>\(title)</h1>\(body)</main></body></html>

        """
    }

    static let style = """
        body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #1c2430; background: #f6f7f9 }
        main { max-width: 46rem; margin: 3rem auto; padding: 2rem; background: #fff; border-radius: 8px }
        h1 { margin-top: 0; font-size: 1.5rem } code { background: #eef0f4; padding: 0 .25em; border-radius: 3px }
        dl { display: grid; grid-template-columns: 6rem auto; gap: .25rem } dd { margin: 0 } dt { color: #5a6577 }
        table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25rem .5rem; border-top: 1px solid #e3e6eb }
        @media (prefers-color-scheme: dark) {
          body { color: #dde3ec; background: #14181f } main { background: #1c2129 } code { background: #2a303b }
          td, th { border-color: #2f3641 } a { color: #8ab4ff }
        }

        """
}
