/// The parts of a `multipart/form-data` body (RFC 7578, RFC 2046 §5.1.1) as it arrives, in pieces of any size. A value without I/O.
struct MultipartParser {
    struct Malformed: Error {
        var detail: String
    }

    /// What a part says about itself.
    struct Part: Equatable {
        /// Of the form's field.
        var name: String
        var fileName: String?
        var mediaType: String?
    }

    enum Event: Equatable {
        case part(Part)
        case data([UInt8])
    }

    private enum State {
        /// Exits: `delimited` when the delimiter is complete.
        case data
        /// Behind a delimiter. Exits: `headers` by a line's end, `end` by two hyphens.
        case delimited
        /// Exits: `data` by an empty line.
        case headers
        /// Exits: none; what follows means nothing.
        case end
    }

    private static let headerBytesMax = 8 * 1024
    /// RFC 2046 §5.1.1.
    private static let boundaryBytesMax = 70

    /// A line's end, two hyphens, the boundary. It holds one carriage return, its first byte: so a match that fails begins anew nowhere
    /// but there.
    private let delimiter: [UInt8]
    private var state = State.data
    /// Bytes of the delimiter that have been seen at the end of what arrived. The first delimiter needs no line before it.
    private var matched = 2
    private var isBeforeFirst = true
    private var line: [UInt8] = []
    private var headerBytes = 0
    private var headers: [(name: String, value: String)] = []

    /// Nil if there can be no such boundary.
    init?(boundary: String) {
        let bytes = Array(boundary.utf8)
        guard 1...Self.boundaryBytesMax ~= bytes.count, bytes.allSatisfy({ 0x20..<0x7F ~= $0 }), bytes.last != 0x20
        else { return nil }
        delimiter = Array("\r\n--".utf8) + bytes
    }

    /// The last delimiter has been seen.
    var isComplete: Bool { state == .end }

    mutating func receive(_ bytes: [UInt8]) throws(Malformed) -> [Event] {
        var events: [Event] = []
        var offset = 0
        while offset < bytes.count {
            switch state {
            case .data:
                let data = try takeData(bytes, &offset)
                if !data.isEmpty { events.append(.data(data)) }
            case .delimited: try takeDelimiterEnd(bytes[offset], &offset)
            case .headers: if let part = try takeHeader(bytes, &offset) { events.append(.part(part)) }
            case .end: return events
            }
        }
        return events
    }

    /// Up to the delimiter, or to the end of what is there but for what may be its beginning.
    private mutating func takeData(_ bytes: [UInt8], _ offset: inout Int) throws(Malformed) -> [UInt8] {
        var data: [UInt8] = []
        while offset < bytes.count {
            if matched == 0 {
                let next = bytes[offset...].firstIndex(of: UInt8(ascii: "\r")) ?? bytes.count
                data.append(contentsOf: bytes[offset..<next])
                offset = next
                if next == bytes.count { break }
            }
            guard bytes[offset] == delimiter[matched] else {
                if isBeforeFirst { throw Malformed(detail: "The body does not begin with its boundary.") }
                data.append(contentsOf: delimiter[..<matched])
                matched = 0
                continue
            }
            matched += 1
            offset += 1
            guard matched < delimiter.count else {
                (matched, isBeforeFirst, state) = (0, false, .delimited)
                break
            }
        }
        return data
    }

    private mutating func takeDelimiterEnd(_ byte: UInt8, _ offset: inout Int) throws(Malformed) {
        offset += 1
        line.append(byte)
        guard line.count == 2 else { return }
        switch line {
        case Array("--".utf8): state = .end
        case Array("\r\n".utf8): state = .headers
        default: throw Malformed(detail: "A boundary is followed by something else than a line's end.")
        }
        line = []
        (headerBytes, headers) = (0, [])
    }

    /// - Returns: the part, after the last of its headers.
    private mutating func takeHeader(_ bytes: [UInt8], _ offset: inout Int) throws(Malformed) -> Part? {
        while offset < bytes.count {
            line.append(bytes[offset])
            offset += 1
            headerBytes += 1
            guard headerBytes <= Self.headerBytesMax else { throw Malformed(detail: "A part's headers are too long.") }
            guard line.count >= 2, line[line.count - 2] == UInt8(ascii: "\r"),
                line[line.count - 1] == UInt8(ascii: "\n")
            else { continue }
            line.removeLast(2)
            guard !line.isEmpty else {
                state = .data
                return try part()
            }
            try addHeader()
        }
        return nil
    }

    private mutating func addHeader() throws(Malformed) {
        guard let text = String(validating: line, as: UTF8.self), let colon = text.firstIndex(of: ":") else {
            throw Malformed(detail: "A part's header is malformed.")
        }
        headers.append((text[..<colon].lowercased(), String(trimmed(text[colon...].dropFirst()))))
        line = []
    }

    private func part() throws(Malformed) -> Part {
        let disposition = header("content-disposition").flatMap { HeaderValue($0) }
        guard let disposition, disposition.value == "form-data", let name = disposition["name"] else {
            throw Malformed(detail: "A part has no Content-Disposition: form-data with a name.")
        }
        let encoding = header("content-transfer-encoding")?.lowercased() ?? "binary"
        guard ["binary", "8bit", "7bit"].contains(encoding) else {
            throw Malformed(detail: "A part's Content-Transfer-Encoding must be binary.")
        }
        let mediaType = header("content-type").flatMap { HeaderValue($0) }?.value
        return Part(name: name, fileName: disposition["filename"].map(Self.decoded), mediaType: mediaType)
    }

    private func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// Browsers write these three so (https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data).
    private static func decoded(_ fileName: String) -> String {
        var name = ""
        var rest = Substring(fileName)
        while let character = rest.popFirst() {
            switch character == "%" ? rest.prefix(2).uppercased() : "" {
            case "22": name.append("\"")
            case "0D": name.append("\r")
            case "0A": name.append("\n")
            default:
                name.append(character)
                continue
            }
            rest = rest.dropFirst(2)
        }
        return name
    }
}
