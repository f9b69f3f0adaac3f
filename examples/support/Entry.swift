import Client
import Foundation

/// An entry of a conversation's log: the envelope, with what the bots read of its body.
package struct Entry: Decodable, Sendable {
    package struct Body: Decodable, Sendable {
        /// Of a message or an edit.
        package let text: String?
        /// Of an edit or a deletion: which message is meant.
        package let seq: Int64?
    }

    package let type: String
    /// Signals (typing, read, notifications) have none.
    package let seq: Int64?
    /// Who said it.
    package let from: String?
    package let clientRef: String?
    package let body: Body

    /// nil: not an entry.
    package init?(_ message: MQTTMessage) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let entry = try? decoder.decode(Entry.self, from: Data(message.payload)) else { return nil }
        self = entry
    }
}
