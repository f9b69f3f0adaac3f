import JSON

/// The document of the MQTT side (AsyncAPI 3.0), from the hub's view: it sends what clients subscribe to, and receives what they publish.
enum AsyncAPIDocument {
    static let bytes = render()

    private static func render() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(
            .object([
                JSONMember("asyncapi", .string("3.0.0")), JSONMember("info", info),
                JSONMember("defaultContentType", .string("application/json")), JSONMember("servers", servers),
                JSONMember("channels", .object(MQTTChannel.all.map { JSONMember($0.name, channel($0)) })),
                JSONMember("operations", .object(MQTTChannel.all.flatMap(operations))),
                JSONMember("components", components),
            ]))
        return writer.bytes
    }

    private static let info = JSONValue.object([
        JSONMember("title", .string("Confab")), JSONMember("version", .string("1")),
        JSONMember(
            "description",
            .string(
                """
                A real-time messaging hub over MQTT 3.1, 3.1.1 and 5.0. Conversations and inboxes are topics whose entries are stored and \
                numbered (`seq`) before they are acknowledged and delivered; history, and all that is no message, is in the HTTP API \
                (/openapi.json). An operation `send` is what the hub sends to subscribers, `receive` what it takes from publishers. \
                Wildcards work as in MQTT and cover what the user may read, now and later: `group/+` is all groups. The user property \
                `after` of SUBSCRIBE (`after: 41`, or `after: group/7301=41`) begins behind an entry. Ids are decimal strings, times RFC \
                3339 in UTC; expect members that are not named here. A refused publish has a reason code and the name of a problem as \
                reason string, of which /docs/problems has a page.
                """)),
    ])

    // MARK: Servers

    private static let servers = JSONValue.object([
        server("mqtts", "secure-mqtt", port: 8883, path: nil, "MQTT over TLS."),
        server("mqtt", "mqtt", port: 1883, path: nil, "MQTT over TCP, if the hub is started with --mqtt."),
        server("wss", "wss", port: 8443, path: "/mqtt", "MQTT over WebSocket, subprotocol `mqtt`."),
    ])

    private static func server(
        _ name: String, _ scheme: String, port: Int64, path: String?, _ details: String
    ) -> JSONMember {
        var members = [JSONMember("host", .string("{host}:{port}"))]
        if let path { members.append(JSONMember("pathname", .string(path))) }
        members += [
            JSONMember("protocol", .string(scheme)), JSONMember("description", .string(details)),
            JSONMember(
                "variables",
                .object([
                    JSONMember("host", .object([JSONMember("default", .string("localhost"))])),
                    JSONMember("port", .object([JSONMember("default", .string("\(port)"))])),
                ])),
            JSONMember("security", .array([reference("components", "securitySchemes", "token")])),
        ]
        return JSONMember(name, .object(members))
    }

    // MARK: Channels

    private static func channel(_ channel: MQTTChannel) -> JSONValue {
        let names = unique(channel.delivered + channel.taken)
        let parameters = channel.parameters.map { name in
            JSONMember(
                name, .object([JSONMember("description", .string(MQTTChannel.details(ofParameter: name)))]))
        }
        var members = [
            JSONMember("address", .string(channel.address)), JSONMember("description", .string(channel.details)),
            JSONMember(
                "messages", .object(names.map { JSONMember($0, reference("components", "messages", $0)) })),
        ]
        if !parameters.isEmpty { members.append(JSONMember("parameters", .object(parameters))) }
        return .object(members)
    }

    private static func operations(_ channel: MQTTChannel) -> [JSONMember] {
        var binding: [JSONMember] = []
        if let qos = channel.qos { binding.append(JSONMember("qos", .int(Int64(qos)))) }
        if channel.isRetained { binding.append(JSONMember("retain", .bool(true))) }
        var operations = [
            operation(
                "deliver", channel, "send", "Who may subscribe: \(channel.subscribers)", channel.delivered, binding)
        ]
        if !channel.taken.isEmpty {
            operations.append(
                operation("take", channel, "receive", "Who may publish: \(channel.publishers)", channel.taken, []))
        }
        return operations
    }

    private static func operation(
        _ verb: String, _ channel: MQTTChannel, _ action: String, _ details: String, _ messages: [String],
        _ binding: [JSONMember]
    ) -> JSONMember {
        var members = [
            JSONMember("action", .string(action)), JSONMember("channel", reference("channels", channel.name)),
            JSONMember("description", .string(details)),
            JSONMember("security", .array([reference("components", "securitySchemes", "token")])),
            JSONMember(
                "messages", .array(messages.map { reference("channels", channel.name, "messages", $0) })),
        ]
        if !binding.isEmpty {
            let version = JSONMember("bindingVersion", .string("0.2.0"))
            members.append(JSONMember("bindings", .object([JSONMember("mqtt", .object(binding + [version]))])))
        }
        return JSONMember("\(verb)_\(channel.name)", .object(members))
    }

    // MARK: Components

    private static var components: JSONValue {
        .object([
            JSONMember(
                "messages",
                .object(MQTTMessage.all.map { JSONMember($0.name, message($0)) })),
            JSONMember(
                "schemas",
                .object(
                    Schema.objects.filter { ["User", "Group"].contains($0.key) }.map {
                        JSONMember($0.key, $0.value.json)
                    })),
            JSONMember(
                "securitySchemes",
                .object([
                    JSONMember(
                        "token",
                        .object([
                            JSONMember("type", .string("apiKey")), JSONMember("in", .string("password")),
                            JSONMember("description", .string(tokenDetails)),
                        ]))
                ])),
        ])
    }

    private static let tokenDetails = """
        CONNECT has an access token (a JWT, of POST /login for instance) as password, and the user's id, the user name or nothing as user name. \
        Or, in MQTT 5, the authentication method `JWT` and the token as authentication data; AUTH replaces it on the live connection.
        """

    private static func message(_ message: MQTTMessage) -> JSONValue {
        var members = [
            JSONMember("name", .string(message.name)), JSONMember("summary", .string(message.summary)),
            JSONMember("contentType", .string(message.contentType)), JSONMember("payload", message.payload.json),
        ]
        if let properties = message.userProperties { members.append(JSONMember("headers", properties.json)) }
        return .object(members)
    }

    private static func reference(_ path: String...) -> JSONValue {
        .object([JSONMember("$ref", .string("#/" + path.joined(separator: "/")))])
    }

    private static func unique(_ names: [String]) -> [String] {
        names.enumerated().filter { !names[..<$0].contains($1) }.map(\.element)
    }
}
