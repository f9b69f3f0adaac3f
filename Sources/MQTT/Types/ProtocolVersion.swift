/// The protocol level of CONNECT (MQTT 3.1.1 §3.1.2.2, MQTT 5 §3.1.2.2); 3.1 calls itself `MQIsdp`.
package enum ProtocolVersion: UInt8, Sendable {
    case v3_1 = 3
    case v3_1_1 = 4
    case v5 = 5
}
