import JSON
import Transport

extension HTTPResponse {
    static func json(
        _ status: Int = 200, headers: [(name: String, value: String)] = [], write: (inout JSONWriter) -> Void
    ) -> HTTPResponse {
        var writer = JSONWriter()
        write(&writer)
        return HTTPResponse(
            status: status, headers: [("Content-Type", "application/json")] + headers, body: writer.bytes)
    }

    static var noContent: HTTPResponse { HTTPResponse(status: 204) }

    /// A list; `next` is the relative URL of the page after it, if there is one.
    static func page(next: String?, writeItems: (inout JSONWriter) -> Void) -> HTTPResponse {
        json { writer in
            writer.beginObject()
            writer.name("items")
            writer.beginArray()
            writeItems(&writer)
            writer.endArray()
            if let next {
                writer.name("next")
                writer.string(next)
            }
            writer.endObject()
        }
    }

    /// RFC 9457.
    init(_ problem: Problem, requestID: String) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("type")
        writer.string("/problems/\(problem.name)")
        writer.name("title")
        writer.string(problem.title)
        writer.name("status")
        writer.number(Int64(problem.status))
        writer.name("detail")
        writer.string(problem.detail)
        writer.name("request_id")
        writer.string(requestID)
        if !problem.errors.isEmpty {
            writer.name("errors")
            writer.beginArray()
            for error in problem.errors {
                writer.beginObject()
                writer.name("field")
                writer.string(error.field)
                writer.name("message")
                writer.string(error.message)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
        self.init(
            status: problem.status, headers: [("Content-Type", "application/problem+json")] + problem.headers,
            body: writer.bytes)
    }
}

extension Array {
    /// The first `limit` of a list that was read with one more than that, and whether there was one more.
    func page(_ limit: Int) -> (items: ArraySlice<Element>, hasMore: Bool) { (prefix(limit), count > limit) }
}
