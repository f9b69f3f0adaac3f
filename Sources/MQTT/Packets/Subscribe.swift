/// SUBSCRIBE (MQTT 5 §3.8). Filters are strings here; whether they are good filters is for `Topics` to say.
package struct Subscribe: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package var filter: [UInt8]
        package var options: SubscriptionOptions

        package init(filter: [UInt8], options: SubscriptionOptions) {
            self.filter = filter
            self.options = options
        }
    }

    package var packetID: UInt16
    /// Never empty [MQTT-3.8.3-2].
    package var entries: [Entry] = []
    package var subscriptionID: UInt32?
    package var userProperties: [UserProperty] = []

    package init(packetID: UInt16) {
        self.packetID = packetID
    }

    static func decode(
        _ cursor: inout Cursor, in bytes: Span<UInt8>, version: ProtocolVersion
    ) throws(ProtocolError) -> Subscribe {
        var subscribe = Subscribe(packetID: try cursor.packetID(in: bytes))
        if version == .v5 {
            var properties = PropertyCursor(try cursor.properties(in: bytes), allowed: .subscribe)
            while let property = try properties.next(in: bytes) {
                switch property.id {
                case .subscriptionIdentifier: subscribe.subscriptionID = property.number
                case .userProperty: subscribe.userProperties.append(UserProperty(property, in: bytes))
                default: break
                }
            }
        }
        if cursor.isAtEnd { throw .violation("SUBSCRIBE without a filter") }
        while !cursor.isAtEnd {
            let filter = try cursor.string(in: bytes)
            let options = try SubscriptionOptions(decoding: try cursor.byte(in: bytes), version: version)
            if options.noLocal, isShared(bytes, filter) {
                throw .violation("no local on a shared subscription")  // [MQTT-3.8.3-4]
            }
            subscribe.entries.append(Entry(filter: [UInt8](copying: bytes, filter), options: options))
        }
        return subscribe
    }

    private static func isShared(_ bytes: Span<UInt8>, _ filter: Range<Int>) -> Bool {
        let prefix: InlineArray<7, UInt8> = [0x24, 0x73, 0x68, 0x61, 0x72, 0x65, 0x2F]  // "$share/"
        guard filter.count >= 7 else { return false }
        for index in 0..<7 where bytes[filter.lowerBound + index] != prefix[index] { return false }
        return true
    }
}
