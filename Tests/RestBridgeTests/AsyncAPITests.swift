import JSON
import Persistence
import Testing

@testable import RestBridge

/// What the document of the MQTT side says, held against what there is.
struct AsyncAPITests {
    private static func document() throws -> JSONValue { try JSONValue(parsing: AsyncAPIDocument.bytes, depthMax: 64) }

    private static func members(_ name: String) throws -> [JSONMember] { try document()[name]?.object ?? [] }

    /// A new kind of entry is no kind without its documentation.
    @Test(arguments: EntryKind.ofTopics.map(\.name.description)) func everyEntryIsDelivered(kind: String) throws {
        let message = try #require(MQTTMessage.find(kind), "\(kind) is not documented")
        #expect(message.userProperties != nil)
        #expect(MQTTChannel.all.contains { $0.delivered.contains(kind) }, "\(kind) is on no channel")
    }

    @Test func everyMessageIsOnAChannel() {
        let used = Set(MQTTChannel.all.flatMap { $0.delivered + $0.taken })
        #expect(used == Set(MQTTMessage.all.map(\.name)))
        #expect(Set(MQTTMessage.all.map(\.name)).count == MQTTMessage.all.count)
    }

    @Test func everyReferenceLeadsSomewhere() throws {
        let document = try Self.document()
        var references: Set<String> = []
        Self.collect(document, into: &references)
        #expect(references.count > 60)
        for reference in references {
            let value = reference.dropFirst(2).split(separator: "/").reduce(document) { $0[String($1)] ?? .null }
            #expect(!value.isNull, "\(reference) leads nowhere")
        }
    }

    /// AsyncAPI 3.0: messages of an operation are named by its channel, and parameters are those of the address.
    @Test func operationsAndChannelsFit() throws {
        for operation in try Self.members("operations") {
            let channel = try #require(operation.value["channel"]?["$ref"]?.string)
            let action = try #require(operation.value["action"]?.string)
            #expect(
                ["send", "receive"].contains(action)
                    && operation.name.hasPrefix(action == "send" ? "deliver_" : "take_"))
            let messages = try #require(operation.value["messages"]?.array)
            #expect(!messages.isEmpty)
            for message in messages { #expect(message["$ref"]?.string?.hasPrefix("\(channel)/messages/") == true) }
            #expect(operation.value["security"]?.array?.count == 1)
        }
        for channel in try Self.members("channels") {
            let address = try #require(channel.value["address"]?.string)
            let parameters = channel.value["parameters"]?.object ?? []
            #expect(parameters.allSatisfy { address.contains("{\($0.name)}") })
            #expect(parameters.count == address.count { $0 == "{" }, "\(address)")
        }
        #expect(try Self.members("channels").count == MQTTChannel.all.count)
    }

    private static func collect(_ value: JSONValue, into references: inout Set<String>) {
        for element in value.array ?? [] { collect(element, into: &references) }
        for member in value.object ?? [] {
            if member.name == "$ref", let reference = member.value.string { references.insert(reference) }
            collect(member.value, into: &references)
        }
    }
}
