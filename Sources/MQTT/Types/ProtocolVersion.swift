/// The protocol level of CONNECT (MQTT 3.1.1 §3.1.2.2, MQTT 5 §3.1.2.2); 3.1 calls itself `MQIsdp`.
package enum ProtocolVersion: UInt8, Sendable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case v3_1 = 3
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case v3_1_1 = 4
    case v5 = 5
}
