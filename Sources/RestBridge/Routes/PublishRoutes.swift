import Broker
import Identity
import JSON
import Persistence
import Topics
import Transport

/// Sending messages.
enum PublishRoutes {
    static func publish(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let parts = try split(request)
        let address = try parts.target.address(for: request.userID)
        let message = PublishedMessage(
            address: address, payload: parts.payload, isReaction: parts.isReaction,
            clientRef: parts.hasClientRef ? nil : try request.http.idempotencyKey())
        let (entry, isRepeated) = try await services.publish(message, from: request.sender)
        var response = HTTPResponse(entry, status: 201)
        response.headers.append(("Location", "/messages/\(address.name)/\(entry.seq)"))
        if isRepeated { response.headers.append((HTTPResponse.replayedHeader, "true")) }
        return response
    }

    /// What the body comes to: where the message goes, and the members that are the message.
    private struct Parts {
        var target: Target
        var payload: [UInt8]
        var isReaction: Bool
        var hasClientRef: Bool
    }

    private enum Target {
        case user(Int64)
        case group(Int64)
        case topic(String)

        /// What names no conversation is not there.
        func address(for userID: Int64) throws(Problem) -> TopicAddress {
            switch self {
            case .user(let other):
                guard other != userID else { throw Problem(field: "user_id", "is you") }
                return .direct(between: userID, and: other)
            case .group(let group):
                return .group(group)
            case .topic(let name):
                guard let address = TopicAddress(parsing: Array(name.utf8).span) else { throw .notFound }
                return address
            }
        }
    }

    /// The message's members are passed on byte by byte: their rules are the same as for MQTT, and stand there.
    private static func split(_ request: RestRequest) throws(Problem) -> Parts {
        try BodyReader.checkSize(request.http)
        try BodyReader.checkMediaType(request.http)
        let bytes = request.http.body.span
        let members: [JSONRange]
        do throws(JSONError) {
            members = try scanObject(bytes)
        } catch {
            throw Problem(json: error)
        }
        var targets: [(name: String, target: Target?)] = []
        var payload: [UInt8] = []
        payload.reserveCapacity(bytes.count)
        var isReaction = false
        var hasClientRef = false
        for member in members {
            var text: String? {
                member.kind == .string ? String(decoding: decodeString(bytes, member.range), as: UTF8.self) : nil
            }
            switch member.name {
            case "user_id": targets.append((member.name, text.flatMap(parseID).map { .user($0) }))
            case "group_id": targets.append((member.name, text.flatMap(parseID).map { .group($0) }))
            case "topic": targets.append((member.name, text.map { .topic($0) }))
            default:
                if member.name == "type" { isReaction = text == "reaction" }
                if member.name == "client_ref" { hasClientRef = true }
                payload.append(payload.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
                appendJSONString(member.name, to: &payload)
                payload.append(UInt8(ascii: ":"))
                payload += request.http.body[member.range]
            }
        }
        if payload.isEmpty { payload.append(UInt8(ascii: "{")) }
        payload.append(UInt8(ascii: "}"))
        guard !targets.isEmpty else {
            throw Problem(field: "user_id", "or group_id or topic must be there, one of the three")
        }
        guard targets.count == 1 else { throw Problem(field: targets[1].name, "excludes \(targets[0].name)") }
        guard let target = targets[0].target else {
            throw Problem(field: targets[0].name, "must be a string that names a conversation")
        }
        return Parts(target: target, payload: payload, isReaction: isReaction, hasClientRef: hasClientRef)
    }
}

/// What a route publishes.
struct PublishedMessage {
    var address: TopicAddress
    /// The object that a client would publish.
    var payload: [UInt8]
    /// Every member may react in an announcement group.
    var isReaction: Bool
    /// If the payload has none.
    var clientRef: String?
}

extension RestRequest {
    /// - Precondition: the route requires a token.
    var sender: Caller {
        guard let caller else { preconditionFailure("the route has no caller") }
        return caller
    }
}

extension RestServices {
    /// The sender's own right, or else what the `acl` of a service's token opens (protocol.md §1).
    private func right(of sender: Caller, on address: TopicAddress) async throws(DatabaseError) -> PublishRight {
        let own = try await rights.right(of: sender.userID, on: address, directory, now: now())
        if case .allowed = own { return own }
        guard sender.scopes.contains(.service), let acl = sender.acl else { return own }
        let rules = AccessRules(acl, userID: sender.userID, clientID: [])
        guard rules.mayPublish(Array(address.name.utf8).span) else { return own }
        return try await directory.topic(at: address).map { .allowed($0.topic, mayDeleteOthers: false) } ?? own
    }

    /// Publishes if the sender may.
    func publish(
        _ message: PublishedMessage, from sender: Caller
    ) async throws -> (entry: LogEntry, isRepeated: Bool) {
        let topic: StoredTopic
        var mayDeleteOthers = false
        switch try await right(of: sender, on: message.address) {
        case .allowed(let allowed, let mayDelete): (topic, mayDeleteOthers) = (allowed, mayDelete)
        case .announcementOnly(let allowed) where message.isReaction: topic = allowed
        case .announcementOnly: throw Problem(.announcementOnly, "Only admins write to an announcement group.")
        case .notFriends: throw Problem(.notFriends, "You can write to each other only while you are friends.")
        case .notFound: throw Problem.notFound
        }
        let result = await publisher.publish(
            senderID: sender.userID, topic: topic, payload: message.payload, clientRefFallback: message.clientRef,
            mayDeleteOthers: mayDeleteOthers)
        switch result {
        case .stored(let entry, let isRepeated): return (entry, isRepeated)
        case .refused(let name, let detail, let field, let status):
            var problem = Problem(named: name, status: status, detail: detail)
            if let field { problem.errors = [FieldError(field: field.name, message: field.message)] }
            throw problem
        case .overloaded: throw Problem.tryLater(.overloaded, "Too many messages wait. Try again.")
        case .unavailable:
            throw Problem.tryLater(
                .unavailable, "The message could not be stored now. Try again with the same client_ref.")
        }
    }
}
