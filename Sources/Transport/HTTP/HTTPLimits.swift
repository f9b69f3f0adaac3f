/// What a request may be at most; each answers with its own status (security.md "HTTP parser").
package struct HTTPLimits: Sendable {
    /// The request line, its end not counted: 414. As most servers have it.
    package var requestLineBytesMax = 8 * 1024
    /// All header fields of a request, or all its trailers: 431. Room for a token of 8 KiB and a browser's own fields.
    package var headerBytesMax = 32 * 1024
    /// 431.
    package var headerFieldsMax = 100
    /// 413. The largest JSON that rest.md allows.
    package var bodyBytesMax = 1024 * 1024
    /// A chunk's size line with its extensions: 400. We use no extension, so nobody needs a long one.
    package var chunkLineBytesMax = 256
    /// Requests whose bodies are handed over piece by piece as they arrive, in place of `bodyBytesMax` each with a limit of its own.
    package var streamed: [StreamedBody] = []

    package init() {}
}

/// A request, by method and path as they are sent, whose body is streamed.
package struct StreamedBody: Sendable {
    package var method: String
    package var path: String
    /// 413.
    package var bodyBytesMax: Int

    package init(method: String, path: String, bodyBytesMax: Int) {
        precondition(bodyBytesMax >= 0)
        self.method = method
        self.path = path
        self.bodyBytesMax = bodyBytesMax
    }
}
