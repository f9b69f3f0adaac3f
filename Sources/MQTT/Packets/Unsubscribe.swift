/// UNSUBSCRIBE (MQTT 5 §3.10).
package struct Unsubscribe: Equatable, Sendable {
    package var packetID: UInt16
    /// Never empty [MQTT-3.10.3-2].
    package var filters: [[UInt8]] = []
    package var userProperties: [UserProperty] = []

    package init(packetID: UInt16) {
        self.packetID = packetID
    }

    static func decode(
        _ cursor: inout Cursor, in bytes: Span<UInt8>, version: ProtocolVersion
    ) throws(ProtocolError) -> Unsubscribe {
        var unsubscribe = Unsubscribe(packetID: try cursor.packetID(in: bytes))
        if version == .v5 {
            var properties = PropertyCursor(try cursor.properties(in: bytes), allowed: .unsubscribe)
            while let property = try properties.next(in: bytes) {
                unsubscribe.userProperties.append(UserProperty(property, in: bytes))
            }
        }
        if cursor.isAtEnd { throw .violation("UNSUBSCRIBE without a filter") }
        while !cursor.isAtEnd {
            unsubscribe.filters.append([UInt8](copying: bytes, try cursor.string(in: bytes)))
        }
        return unsubscribe
    }
}
