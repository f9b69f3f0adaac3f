import Transport

/// The one file in the body of a request: the body itself, or a part of a form. Used by one task.
final class FileContent {
    private let stream: HTTPRequestStream
    private var parser: MultipartParser?
    private var events: [MultipartParser.Event] = []
    private var hasPart = false
    /// What the sender calls it; known when the first bytes are, or the end.
    private(set) var mediaType: String?
    private(set) var name: String?
    /// How many bytes the file has, if the request says so: a part of a form does not.
    private(set) var length: Int64?

    init(_ request: HTTPRequest) throws(Problem) {
        stream = request.stream ?? HTTPRequestStream(request.body)
        length = request.header("content-length").flatMap { Int64($0) }
        guard let header = request.header("content-type") else { return }
        guard let type = HeaderValue(header), isMediaType(type.value) else {
            throw Problem(.unsupportedMediaType, "The Content-Type is malformed.")
        }
        guard type.value.hasPrefix("multipart/") else {
            mediaType = type.value
            return
        }
        guard type.value == "multipart/form-data", let boundary = type["boundary"],
            let parser = MultipartParser(boundary: boundary)
        else {
            throw Problem(.unsupportedMediaType, "Send the file itself, or multipart/form-data with a boundary.")
        }
        self.parser = parser
        length = nil
    }

    /// The file's next bytes, nil after the last. Throws a `Problem`, or `HTTPRequestStream.Aborted`.
    func next() async throws -> [UInt8]? {
        guard parser != nil else { return try await stream.next() }
        while true {
            while !events.isEmpty {
                switch events.removeFirst() {
                case .data(let bytes): return bytes
                case .part(let part): try begin(part)
                }
            }
            guard let bytes = try await stream.next() else {
                guard let parser, parser.isComplete, hasPart else {
                    throw Problem(.badRequest, "The form ends before its last boundary.")
                }
                return nil
            }
            try parse(bytes)
        }
    }

    private func parse(_ bytes: [UInt8]) throws(Problem) {
        // Taken out, so that there is one owner of its memory.
        guard var parser = parser.take() else { preconditionFailure("a bare body is not parsed") }
        do throws(MultipartParser.Malformed) {
            events = try parser.receive(bytes)
        } catch {
            throw Problem(.badRequest, error.detail)
        }
        self.parser = parser
    }

    private func begin(_ part: MultipartParser.Part) throws(Problem) {
        guard !hasPart else { throw Problem(field: part.name, "is a second part: the form has one, the file") }
        hasPart = true
        if let type = part.mediaType {
            guard isMediaType(type) else {
                throw Problem(.unsupportedMediaType, "The part's Content-Type is malformed.")
            }
            mediaType = type
        }
        // Some browsers send the path.
        name = part.fileName.map {
            String($0.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }.last ?? "")
        }
    }
}
