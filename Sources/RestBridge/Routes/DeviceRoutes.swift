import Broker
import Identity
import JSON
import Persistence
import Transport

/// The caller's MQTT sessions: what is connected, and what is kept of clients that are away.
enum DeviceRoutes {
    /// Sorted by client id.
    static func list(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        var query = try QueryReader(request)
        let limit = query.limit()
        let cursor = query.cursor { Base64URL.decode($0.utf8) }
        try query.finish()
        let live = await services.liveDevices.liveDevices(of: request.userID)
        let stored = try await services.devices.devices(of: request.userID)
        let (devices, hasMore) = Device.merge(live, stored).filter { device in
            cursor.map { $0.lexicographicallyPrecedes(device.clientID) } ?? true
        }.page(limit)
        let next =
            hasMore ? devices.last.map { "/devices?limit=\(limit)&cursor=\(Base64URL.encode($0.clientID))" } : nil
        return .page(next: next) { writer in
            for device in devices { device.write(to: &writer, now: services.now()) }
        }
    }

    /// The log-in that the client has goes on: it may connect again, to a new session.
    static func forget(_ services: RestServices, _ request: RestRequest) async throws -> HTTPResponse {
        let clientID = Array(request.text("client_id").utf8)
        guard try await services.liveDevices.forgetDevice(clientID, of: request.userID) else { throw Problem.notFound }
        return .noContent
    }
}

/// A session, as far as it is connected and as far as it is stored.
struct Device {
    var clientID: [UInt8]
    /// nil: not connected.
    var live: LiveDevice?
    /// nil: it ends with its connection.
    var stored: StoredDevice?

    /// By client id, in ascending order.
    static func merge(_ live: [LiveDevice], _ stored: [StoredDevice]) -> [Device] {
        var devices: [[UInt8]: Device] = [:]
        for one in stored { devices[one.clientID] = Device(clientID: one.clientID, stored: one) }
        for one in live { devices[one.clientID, default: Device(clientID: one.clientID)].live = one }
        return devices.values.sorted { $0.clientID.lexicographicallyPrecedes($1.clientID) }
    }

    /// `{client_id, connected, persistent, protocol?, session_id?, subscriptions, connected_at?, last_seen_at, created_at?, expires_at?}`
    func write(to writer: inout JSONWriter, now: Int64) {
        writer.beginObject()
        writer.name("client_id")
        writer.string(String(decoding: clientID, as: UTF8.self))
        writer.name("connected")
        writer.bool(live != nil)
        writer.name("persistent")
        writer.bool(live?.isPersistent ?? true)
        if let live {
            writer.name("protocol")
            writer.string(live.protocolVersion)
            if let sessionID = live.loginSessionID {
                writer.name("session_id")
                writer.id(sessionID)
            }
        }
        writer.name("subscriptions")
        writer.number(live.map { Int64($0.subscriptionsCount) } ?? stored?.subscriptionsCount ?? 0)
        if let live {
            writer.name("connected_at")
            writer.time(milliseconds: live.connectedAt)
        }
        writer.name("last_seen_at")
        writer.time(milliseconds: live == nil ? stored?.lastSeenAt ?? now : now)
        if let stored, live?.isPersistent ?? true {
            writer.name("created_at")
            writer.time(milliseconds: stored.createdAt)
            if live == nil {
                writer.name("expires_at")
                writer.time(milliseconds: stored.expiresAt)
            }
        }
        writer.endObject()
    }
}
