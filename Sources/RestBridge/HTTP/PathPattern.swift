import Transport

/// The path of a route: `/groups/{id}/members/{user_id}`.
struct PathPattern: Sendable {
    private enum Segment: Sendable {
        case literal(String)
        case parameter(String)
    }

    let text: String
    private let segments: [Segment]

    init(_ text: String) {
        precondition(text.hasPrefix("/"))
        self.text = text
        segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { part in
            part.hasPrefix("{") && part.hasSuffix("}")
                ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
        }
    }

    /// What paths begin with: never a parameter.
    var first: String {
        guard case .literal(let literal)? = segments.first else {
            preconditionFailure("\(text) begins with a parameter")
        }
        return literal
    }

    /// Their names, in order.
    var parameters: [String] {
        segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }

    /// The parts of a path, decoded; nil if it is malformed. In paths that hold the name of a topic, its slashes may be encoded or not.
    static func split(_ path: String) -> [String]? {
        guard path.utf8.first == UInt8(ascii: "/") else { return nil }
        guard path.utf8.contains(UInt8(ascii: "%")) else {
            // What is not encoded needs no decoding.
            return path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                .map { String(Substring($0)) }
        }
        var parts: [String] = []
        for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let decoded = percentDecoded(String(part)) else { return nil }
            if parts.first == "messages" || parts.first == "conversations" {
                parts += decoded.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            } else {
                parts.append(decoded)
            }
        }
        return parts
    }

    /// The parameters, if the path fits.
    func match(_ parts: [String]) -> [String: String]? {
        guard parts.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .literal(let literal):
                guard part.utf8.elementsEqual(literal.utf8) else { return nil }
            case .parameter(let name):
                parameters[name] = part
            }
        }
        return parameters
    }
}
