import JSON

/// The words that belong to the table of routes: what the document of the API says beside what routes say themselves.
enum Documentation {
    struct Area: Sendable {
        var name: String
        var details: String
        var operations: Operation.Table
    }

    static let areas: [Area] = [
        Area(
            name: "Accounts", details: "Signing up, logging in, and where you are logged in.",
            operations: Operation.accounts),
        Area(name: "Users", details: "Your profile, and other users.", operations: Operation.users),
        Area(name: "Security", details: "Passwords, second factors, and leaving.", operations: Operation.security),
        Area(name: "Bots", details: "Programs that act for themselves.", operations: Operation.bots),
        Area(name: "Friends", details: "Whom you write to, and whom not.", operations: Operation.friends),
        Area(name: "Groups", details: "Groups, their members and invitations.", operations: Operation.groups),
        Area(
            name: "Messages", details: "Conversations and the inbox. MQTT delivers the same live.",
            operations: Operation.messages),
        Area(name: "Attachments", details: "Files.", operations: Operation.attachments),
        Area(name: "Service", details: "The hub itself.", operations: Operation.service),
    ]

    /// By method and path.
    static func find(_ key: String) -> (area: Area, operation: Operation)? {
        for area in areas {
            if let operation = area.operations[key] { return (area, operation) }
        }
        return nil
    }
}

extension Route {
    /// Under which its documentation stands.
    var key: String { "\(method) \(pattern.text)" }
}
