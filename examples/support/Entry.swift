import Client
import Foundation

/// An entry of a conversation's log: the envelope, with what the bots read of its body.
public struct Entry: Decodable, Sendable {
    public struct Body: Decodable, Sendable {
        /// Of a message or an edit.
        public let text: String?
        /// Of an edit or a deletion: which message is meant.
        public let seq: Int64?
    }

    public let type: String
    /// Signals (typing, read, notifications) have none.
    public let seq: Int64?
    /// Who said it.
    public let from: String?
    public let clientRef: String?
    public let body: Body

    /// nil: not an entry.
    public init?(_ message: MQTTMessage) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let entry = try? decoder.decode(Entry.self, from: Data(message.payload)) else { return nil }
        self = entry
    }
}
