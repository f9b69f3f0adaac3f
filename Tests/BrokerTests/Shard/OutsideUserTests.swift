import Identity
import MQTT
import Testing
import Transport

@testable import Broker

/// Users of outside issuers: their CONNECT waits until the database has told who they are.
@Suite(.serialized) struct OutsideUserTests {
    private static let user = TestSubjects.firstID

    private static func makeHub(shards: Int = 1) throws -> TestHub {
        let hub = try TestHub(shards: shards)
        hub.rights.set(user)
        hub.rights.set(user + 1)
        return hub
    }

    private static func token(_ hub: TestHub, _ subject: String = "ann", seconds: Int64 = 600) -> [UInt8] {
        TestIssuer.token(subject, expiresAt: hub.clock.milliseconds / 1000 + seconds)
    }

    private static func client(
        _ hub: TestHub, shard: Int = 0, id: String = "c", username: String = "", token: [UInt8]? = nil,
        hasMethod: Bool = false, version: ProtocolVersion = .v5, expect: ReasonCode? = .success
    ) throws -> TestClient {
        let client = try TestClient(port: hub.ports[shard], version: version)
        try client.sendConnect(user: nil, id: id) { connect in
            if hasMethod {
                connect.authenticationMethod = Array("JWT".utf8)
                connect.authenticationData = token ?? Self.token(hub)
            } else {
                connect.username = Array(username.utf8)
                connect.password = token ?? Self.token(hub)
            }
        }
        if let expect { try checkEqual(try client.receiveConnack(), expect) }
        return client
    }

    private static func authenticate(_ client: TestClient, _ token: [UInt8]) throws {
        var properties: [UInt8] = []
        properties.appendProperty(.authenticationMethod, text: "JWT")
        properties.appendProperty(.authenticationData, bytes: token.span)
        var bytes: [UInt8] = []
        ServerPacket.encodeAuth(into: &bytes, reason: .reauthenticate, properties: properties)
        try client.send(bytes)
    }

    @Test func isMadeAtFirstSightAndThenKnown() async throws {
        try await onThread {
            let hub = try Self.makeHub(shards: 2)
            for shard in [0, 1, 0] {
                let client = try Self.client(hub, shard: shard, id: "c\(shard)")
                try checkEqual(
                    try client.subscribe("inbox/\(Self.user)", "app/x", "other/x").reasons.map(\.rawValue),
                    [1, 1, 0x87])
            }
            try checkEqual(hub.subjects.count, 1)
            try checkEqual(hub.subjects.questions, 1, "asked once")
        }
    }

    /// Names are the issuer's, the account's or its id; one that is no good makes no session.
    @Test func userNames() async throws {
        try await onThread {
            let hub = try Self.makeHub()
            for name in ["", "ann", "user\(Self.user)", "\(Self.user)"] {
                _ = try Self.client(hub, id: "c\(name)", username: name)
            }
            for name in ["ANN", "bob", "1"] {
                _ = try Self.client(hub, username: name, expect: .badUserNameOrPassword)
            }
            // A subject that looks like another user's id is still the subject.
            _ = try Self.client(hub, username: "5", token: Self.token(hub, "5"))
        }
    }

    @Test func whatIsSentAtOnceWaits() async throws {
        try await onThread {
            let hub = try Self.makeHub()
            hub.subjects.lookups.close()
            let client = try Self.client(hub, expect: nil)
            try client.sendSubscribe(["app/x"])
            try client.publish("app/x", "hello")
            try waitUntil("it is looked up") { hub.subjects.lookups.waitingCount == 1 }
            hub.subjects.lookups.open()
            try checkEqual(try client.receiveConnack(), .success)
            guard case .suback = try client.next() else { throw CheckFailure(description: "no SUBACK") }
            // The delivery and PUBACK, in whichever order.
            try checkEqual(Set([try client.skip(), try client.skip()]), [.publish, .puback])
        }
    }

    /// The connection goes while its user is looked up.
    @Test func whoLeavesMeanwhile() async throws {
        try await onThread {
            let hub = try Self.makeHub()
            hub.subjects.lookups.close()
            do {
                let first = try Self.client(hub, expect: nil)
                try waitUntil("it is looked up") { hub.subjects.lookups.waitingCount == 1 }
                first.resetAtEnd()
            }
            // Else it could still be served, and take the session over.
            try hub.settle()
            hub.subjects.lookups.open()
            try checkEqual(try Self.client(hub).subscribe("inbox/\(Self.user)").reasons.map(\.rawValue), [1])
        }
    }

    /// An answer that comes when its connection is gone is not for the next one in the same slot.
    @Test func anAnswerForAnEarlierConnection() async throws {
        try await onThread {
            let hub = try Self.makeHub()
            hub.subjects.lookups.close()
            let client = try Self.client(hub, expect: nil)
            try waitUntil("it is looked up") { hub.subjects.lookups.waitingCount == 1 }
            let other = Claims(userID: Self.user + 1, sessionID: nil, expiresAt: .max, scopes: .user)
            for slot: Int32 in 0..<8 {
                hub.mailroom.post(.resolved(ConnectionID(slot: slot, generation: 77), other), to: 0)
            }
            try hub.settle()
            hub.subjects.lookups.open()
            try checkEqual(try client.receiveConnack(), .success)
            let suback = try client.subscribe("inbox/\(Self.user)", "inbox/\(Self.user + 1)")
            try checkEqual(suback.reasons.map(\.rawValue), [1, 0x87])
        }
    }

    @Test func theDatabaseIsAway() async throws {
        try await onThread {
            let hub = try Self.makeHub()
            hub.subjects.setAway(true)
            _ = try Self.client(hub, expect: .serverUnavailable)
            _ = try Self.client(hub, version: .v3_1_1, expect: .serverUnavailable)
            hub.subjects.setAway(false)
            let client = try Self.client(hub, hasMethod: true)
            hub.subjects.setAway(true)
            try Self.authenticate(client, Self.token(hub))
            guard case .auth = try client.next() else { throw CheckFailure(description: "no AUTH") }
            try Self.authenticate(client, Self.token(hub, "bob"))
            try checkEqual(try client.receiveDisconnect(), .serverBusy)
        }
    }

    @Test func aDisabledUserIsRefused() async throws {
        try await onThread {
            let hub = try Self.makeHub()
            let client = try Self.client(hub, hasMethod: true)
            hub.rights.set(Self.user, isEnabled: false)
            _ = try Self.client(hub, id: "d", expect: .notAuthorized)
            try Self.authenticate(client, Self.token(hub))
            try checkEqual(try client.receiveDisconnect(), .notAuthorized)
        }
    }

    /// A token ends its connection, unless AUTH brings the next one in time; that makes no users.
    @Test func expiryAndAuthentication() async throws {
        try await onThread {
            let hub = try Self.makeHub()
            let one = try Self.client(hub, id: "1", token: Self.token(hub, seconds: 60), hasMethod: true)
            let two = try Self.client(hub, id: "2", token: Self.token(hub, seconds: 60), hasMethod: true)
            try Self.authenticate(two, Self.token(hub, seconds: 600))
            guard case .auth(let auth) = try two.next() else { throw CheckFailure(description: "no AUTH") }
            try checkEqual(auth.reason, .success)
            hub.clock.advance(seconds: 61)
            try checkEqual(try one.receiveDisconnect(), .notAuthorized)
            try two.expectNothing()
            for token in [Self.token(hub, "bob"), TestHub.token(1), Self.token(hub, seconds: 0)] {
                let client = try Self.client(hub, id: "3", hasMethod: true)
                try Self.authenticate(client, token)
                try checkEqual(try client.receiveDisconnect(), .notAuthorized)
            }
            try checkEqual(hub.subjects.count, 1)
            // The hub's own token of the same user is as good.
            try Self.authenticate(two, TestHub.token(Self.user))
            guard case .auth = try two.next() else { throw CheckFailure(description: "no AUTH") }
        }
    }

    @Test func aHubThatStopsRefusesThem() async throws {
        try await onThread {
            let hub = try Self.makeHub()
            hub.subjects.lookups.close()
            let client = try Self.client(hub, expect: nil)
            try waitUntil("it is looked up") { hub.subjects.lookups.waitingCount == 1 }
            hub.mailroom.post(.stop, to: 0)
            try checkEqual(try client.receiveConnack(), .serverUnavailable)
            try client.expectEnd()
            hub.subjects.lookups.open()
            try hub.settle()
        }
    }

    @Test func whatIsKnownIsBounded() async throws {
        let subjects = TestSubjects()
        let users = OutsideUsers(source: subjects, knownMax: 10)
        func claims(_ index: Int) async throws -> Claims {
            let token = TestIssuer.token("s\(index)", expiresAt: .max)
            let verifier = TokenVerifier(own: TestHub.authority, outside: TestIssuer.all)
            return try await users.claims(of: verifier.verify(token, now: 0))
        }
        for index in 0..<100 {
            #expect(try await claims(index).userID == TestSubjects.firstID + Int64(index))
            #expect(users.knownCount <= 10)
            // Who is asked for again and again stays.
            #expect(try await claims(0).userID == TestSubjects.firstID)
        }
        #expect(subjects.questions == 100)
        #expect(try await claims(50).userID == TestSubjects.firstID + 50)
        #expect(subjects.questions == 101)
    }
}
