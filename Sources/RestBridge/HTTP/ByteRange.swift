import Transport

/// What a client wants of a representation (RFC 9110 §13, §14).
enum RangeDecision: Equatable {
    case whole
    case part(Range<Int64>)
    /// Nothing of what it asks for is there: 416.
    case unsatisfiable

    /// One range of bytes is answered. Several, and what is no range of bytes, are ignored, as §14.2 allows: the answer is the whole.
    /// - Parameters:
    ///   - size: of the whole, in bytes.
    ///   - tag: the strong ETag, with its quotes.
    init(_ request: HTTPRequest, size: Int64, tag: String) {
        self = .whole
        guard request.method == "GET", let header = request.header("range"), header.lowercased().hasPrefix("bytes=")
        else { return }
        // A part that was got before belongs to another representation; we give no dates, so a date never fits.
        if let condition = request.header("if-range"), condition != tag { return }
        let ends = trimmed(header.dropFirst("bytes=".count)).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.position(ends[0]), let last = Self.position(ends[1]) else { return }
        switch (first, last) {
        case (nil, nil): return
        case (nil, let count?):
            self = count == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - count)..<size)
        case (let first?, let last):
            if let last, last < first { return }
            self = first >= size ? .unsatisfiable : .part(first..<min(last ?? size - 1, size - 1) + 1)
        }
    }

    /// Digits, or nothing: `.some(nil)`. What no `Int64` holds is beyond every end.
    private static func position(_ text: Substring) -> Int64?? {
        if text.isEmpty { return .some(nil) }
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        return .some(Int64(text) ?? .max)
    }
}

extension HTTPRequest {
    /// Whether `If-None-Match` names this tag: the client has what it would get (RFC 9110 §13.1.2).
    func hasAlready(_ tag: String) -> Bool {
        headers.filter { $0.name == "if-none-match" }.flatMap { $0.value.split(separator: ",") }.contains { part in
            let known = trimmed(part)
            return known == "*" || known == tag || known == "W/\(tag)"
        }
    }
}
