import JSON
import Persistence
import Topics
import Transport

/// One message: reading, editing, deleting it, and reacting to it. Changes are entries of the conversation, published as all others.
enum MessageRoutes {
    static func show(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let address = try request.conversation()
        guard let entry = try await services.history.entry(try request.id("seq"), of: address, for: request.userID)
        else { throw Problem.notFound }
        let states = try await services.history.states(of: [entry], for: request.userID)
        return HTTPResponse(entry, states[entry.id])
    }

    /// Answers the edit.
    static func edit(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let seq = try request.id("seq")
        var body = try BodyReader(request)
        let text = body.required("text", .string)
        try body.finish()
        guard let text else { preconditionFailure("finish lets no gap through") }
        return HTTPResponse(
            try await publish(services, request, type: "edit", seq) { writer in
                writer.name("text")
                writer.string(text)
            })
    }

    /// Answers the deletion.
    static func delete(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        try BodyReader.expectNone(request)
        return HTTPResponse(try await publish(services, request, type: "delete", try request.id("seq")) { _ in })
    }

    /// Answers the message, with all reactions to it.
    static func react(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let seq = try request.id("seq")
        var body = try BodyReader(request)
        let emoji = body.required("emoji", .string)
        let operation = body.optional("op", .string)
        try body.finish()
        guard let emoji else { preconditionFailure("finish lets no gap through") }
        _ = try await publish(services, request, type: "reaction", seq) { writer in
            writer.name("emoji")
            writer.string(emoji)
            if let operation {
                writer.name("op")
                writer.string(operation)
            }
        }
        return try await show(services, request)
    }

    private static func publish(
        _ services: RestServices, _ request: RestRequest, type: String, _ seq: Int64,
        _ writeMembers: (inout JSONWriter) -> Void
    ) async throws -> LogEntry {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("type")
        writer.string(type)
        writer.name("seq")
        writer.number(seq)
        writeMembers(&writer)
        writer.endObject()
        let message = PublishedMessage(
            address: try request.conversation(), payload: writer.bytes, isReaction: type == "reaction", clientRef: nil)
        return try await services.publish(message, from: request.sender).entry
    }
}
