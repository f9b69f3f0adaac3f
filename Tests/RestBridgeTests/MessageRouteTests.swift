import Testing

@testable import RestBridge

/// Sending, reading, lists of conversations, notifications.
struct MessageRouteTests {
    @Test func sendAndRead() async throws {
        let (me, friend) = try await TestHub.shared.friends()
        let topic = try me.topic(with: friend)
        let targets = [#""user_id":"\#(friend.id)""#, #""topic":"\#(topic)""#]
        for (index, target) in targets.enumerated() {
            let answer = await me.call("POST", "/messages", #"{"text":"n\#(index)",\#(target),"custom":{"a":1.0}}"#)
            let location = "/messages/\(topic)/\(index + 1)"
            #expect(answer.status == 201 && answer.header("Location") == location)
            #expect(answer["topic"]?.string == topic && answer["from"]?.string == me.id)
            let encoded = "/messages/" + topic.split(separator: "/").joined(separator: "%2F") + "/\(index + 1)"
            for path in [location, encoded] {
                #expect(await friend.call("GET", path).text == answer.text, "the same bytes everywhere")
            }
            let history = await friend.call("GET", "/messages/\(me.id)")
            #expect(history.text.contains(answer.text))
        }
        let sent = try await TestHub.shared.publisher.calls(of: me.id)
        #expect(sent.first?.payload == #"{"text":"n0","custom":{"a":1.0}}"#, "byte by byte, without the address")
    }

    @Test func clientRefs() async throws {
        let (me, friend) = try await TestHub.shared.friends()
        let to = #""user_id":"\#(friend.id)""#
        let table: [(body: String, key: String?, fallback: String?)] = [
            ("{\(to),\"text\":\"a\"}", nil, nil), ("{\(to),\"text\":\"a\"}", "key", "key"),
            ("{\(to),\"text\":\"a\"}", "\"key\"", "key"), ("{\(to),\"text\":\"a\",\"client_ref\":\"r\"}", "key", nil),
        ]
        for (body, key, _) in table {
            let headers = key.map { [(name: "idempotency-key", value: $0)] } ?? []
            let answer = await me.call("POST", "/messages", body, headers: headers)
            #expect(answer.status == 201 && answer.header("Idempotency-Replayed") == nil)
        }
        let calls = try await TestHub.shared.publisher.calls(of: me.id)
        #expect(calls.map(\.clientRefFallback) == table.map(\.fallback))
        let again = await me.call("POST", "/messages", "{\(to),\"text\":\"a\",\"client_ref\":\"again\"}")
        #expect(again.status == 201 && again.header("Idempotency-Replayed") == "true")
    }

    @Test func whoMaySend() async throws {
        let hub = try await TestHub.shared
        let (me, friend) = try await hub.friends()
        let stranger = try await hub.person()
        let news = try await me.group(friend, announcement: true)
        let strange = try me.topic(with: stranger)
        let foreign = try friend.topic(with: stranger)
        let table: [(who: Person, body: String, status: Int, problem: String)] = [
            (me, #"{"user_id":"\#(stranger.id)","text":"x"}"#, 403, "not-friends"),
            (me, #"{"topic":"\#(strange)","text":"x"}"#, 403, "not-friends"),
            (me, #"{"topic":"\#(foreign)","text":"x"}"#, 404, "not-found"),
            (me, #"{"user_id":"1","text":"x"}"#, 404, "not-found"),
            (me, #"{"user_id":"\#(me.id)","text":"x"}"#, 422, "invalid-request"),
            (me, #"{"group_id":"1","text":"x"}"#, 404, "not-found"),
            (me, #"{"topic":"inbox/\#(me.id)","text":"x"}"#, 404, "not-found"),
            (me, #"{"topic":"app/plain","text":"x"}"#, 404, "not-found"),
            (me, #"{"topic":"group/0\#(news)","text":"x"}"#, 404, "not-found"),
            (me, #"{"text":"x"}"#, 422, "invalid-request"),
            (me, #"{"group_id":"\#(news)","user_id":"\#(friend.id)","text":"x"}"#, 422, "invalid-request"),
            (me, #"{"group_id":5,"text":"x"}"#, 422, "invalid-request"),
            (friend, #"{"group_id":"\#(news)","text":"x"}"#, 403, "announcement-only"),
            (me, #"{"group_id":"\#(news)","text":"!refuse"}"#, 409, "client-ref-reused"),
            (me, #"{"group_id":"\#(news)","text":"!invalid"}"#, 422, "invalid-message"),
            (me, #"{"group_id":"\#(news)","text":"!overload"}"#, 503, "overloaded"),
            (me, #"{"group_id":"\#(news)","text":"!unavailable"}"#, 503, "unavailable"),
        ]
        for (who, body, status, problem) in table {
            let answer = await who.call("POST", "/messages", body)
            #expect(answer.status == status && answer.problem == problem, "\(body): \(answer.text)")
            if status == 503 { #expect(answer.header("Retry-After") == "1") }
        }
        let reaction = await friend.call("POST", "/messages", #"{"group_id":"\#(news)","type":"reaction"}"#)
        #expect(reaction.status == 201, "reactions are every member's; the publisher judges the rest")
        #expect(await me.call("POST", "/messages", #"{"group_id":"\#(news)","text":"news"}"#).status == 201)
    }

    @Test func aConversationStaysReadable() async throws {
        let (me, friend) = try await TestHub.shared.friends()
        _ = await me.call("POST", "/messages", #"{"user_id":"\#(friend.id)","text":"bye"}"#)
        _ = await friend.call("POST", "/friends/remove", #"{"user_id":"\#(me.id)"}"#)
        let refused = await me.call("POST", "/messages", #"{"user_id":"\#(friend.id)","text":"wait"}"#)
        #expect(refused.problem == "not-friends")
        #expect(await me.call("GET", "/messages/\(friend.id)").items.count == 1)
        let conversation = await me.call("GET", "/conversations").items.first
        #expect(conversation?["writable"]?.bool == false)
    }

    @Test func historyPages() async throws {
        let (me, friend) = try await TestHub.shared.friends()
        for number in 1...5 {
            _ = await me.call("POST", "/messages", #"{"user_id":"\#(friend.id)","text":"\#(number)"}"#)
        }
        func follow(_ first: String) async -> [[Int64]] {
            var pages: [[Int64]] = []
            var target: String? = first
            while let page = target, pages.count < 9 {
                let answer = await friend.call("GET", page)
                #expect(answer["first_seq"]?.int64 == 1 && answer["last_seq"]?.int64 == 5)
                pages.append(answer.items.compactMap { $0["seq"]?.int64 })
                target = answer["next"]?.string
            }
            return pages
        }
        let path = "/messages/\(me.id)"
        #expect(await follow("\(path)?limit=2") == [[4, 5], [2, 3], [1]])
        #expect(await follow("\(path)?limit=2&after=0&types=message") == [[1, 2], [3, 4], [5]])
        #expect(await follow("\(path)?types=member,group") == [[]])
        #expect(await friend.call("GET", "\(path)?types=nonsense").fields == ["types"])
        #expect(await friend.call("GET", "/messages/\(friend.id)").status == 404)
        #expect(await friend.call("GET", "/messages/x").status == 404)
        #expect(await friend.call("GET", "/messages/\(try me.topic(with: friend))/6").status == 404)
    }

    @Test func emptyHistory() async throws {
        let (me, friend) = try await TestHub.shared.friends()
        let answer = await me.call("GET", "/messages/\(friend.id)")
        #expect(answer.text == #"{"items":[],"first_seq":1,"last_seq":0}"#)
    }

    @Test func conversationsAndReading() async throws {
        let (me, friend) = try await TestHub.shared.friends()
        let topic = try me.topic(with: friend)
        let group = try await me.group(friend)
        for text in ["one", "two"] {
            _ = await friend.call("POST", "/messages", #"{"user_id":"\#(me.id)","text":"\#(text)"}"#)
        }
        let list = await me.call("GET", "/conversations?limit=1")
        let direct = try #require(list.items.first)
        #expect(direct["topic"]?.string == topic && direct["kind"]?.string == "direct")
        #expect(direct["user"]?["id"]?.string == friend.id && direct["writable"]?.bool == true)
        #expect(direct["last_message"]?["body"]?["text"]?.string == "two")
        #expect(direct["unread"]?.int64 == 2 && direct["read_seq"]?.int64 == 0 && direct["last_seq"]?.int64 == 2)
        let second = await me.call("GET", try #require(list["next"]?.string))
        #expect(second.items.map { $0["group"]?["id"]?.string } == [group] && second["next"] == nil)
        #expect(second.items[0]["last_message"] == nil && second.items[0]["unread"]?.int64 == 0)

        for path in [topic, topic.split(separator: "/").joined(separator: "%2f")] {
            #expect(await me.call("PUT", "/conversations/\(path)/read", #"{"seq":1}"#).status == 204)
        }
        #expect(await me.call("GET", "/conversations").items[0]["unread"]?.int64 == 1)
        #expect(await me.call("PUT", "/conversations/\(topic)/read", #"{"seq":"1"}"#).fields == ["seq"])
        #expect(await me.call("PUT", "/conversations/\(topic)/read", #"{"seq":-1}"#).fields == ["seq"])
        #expect(await me.call("PUT", "/conversations/inbox/\(me.id)/read", #"{"seq":1}"#).status == 404)
    }

    @Test func notifications() async throws {
        let hub = try await TestHub.shared
        let people = try await hub.people(3)
        let me = people[0]
        for other in people[1...] { _ = await other.call("POST", "/friends/add", #"{"user_id":"\#(me.id)"}"#) }
        let first = await me.call("GET", "/notifications")
        #expect(first.items.map { $0["type"]?.string } == ["friend_request", "friend_request"])
        #expect(first.items.map { $0["read"]?.bool } == [false, false])
        #expect(first["unread"]?.int64 == 2 && first["conversations"]?.array?.isEmpty == true)
        #expect(first.items[0]["body"]?["user"]?["id"]?.string == people[1].id)

        #expect(await me.call("POST", "/notifications/read", #"{"up_to":1}"#).status == 204)
        let page = await me.call("GET", "/notifications?limit=1")
        #expect(page.items.map { $0["read"]?.bool } == [false] && page["unread"]?.int64 == 1)
        let older = await me.call("GET", try #require(page["next"]?.string))
        #expect(older.items.map { $0["read"]?.bool } == [true])
        #expect(older["conversations"] == nil && older["next"] == nil, "conversations stand on the first page only")

        _ = await me.call("POST", "/friends/accept", #"{"user_id":"\#(people[1].id)"}"#)
        let sent = await people[1].call("POST", "/messages", #"{"user_id":"\#(me.id)","text":"hello"}"#)
        let waiting = await me.call("GET", "/notifications")["conversations"]?.array?.first
        #expect(waiting?["preview"]?.string == "hello" && waiting?["unread"]?.int64 == 1)
        #expect(waiting?["from"]?.string == people[1].id && waiting?["sent_at"]?.string == sent["sent_at"]?.string)
        #expect(await people[1].call("GET", "/notifications")["conversations"]?.array?.isEmpty == true)
    }
}
