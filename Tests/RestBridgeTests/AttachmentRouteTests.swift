import Synchronization
import Testing

@testable import Persistence
@testable import RestBridge
@testable import Transport

/// rest.md "attachments", without sockets.
@Suite struct AttachmentRouteTests {
    private static let png =
        Array("\u{89}PNG\r\n\u{1A}\n\0\0\0\u{0D}IHDR\0\0\u{1}\0\0\0\0\u{2}".unicodeScalars.map { UInt8($0.value) })

    private final class Journal: Sendable {
        let count = Atomic<Int>(0)
    }

    private func upload(
        _ person: Person, _ bytes: [UInt8], type: String? = "text/plain", target: String = "/attachments?name=a.txt"
    ) async -> Answer {
        await person.hub.call(
            "POST", target, bytes: bytes, token: person.token, headers: type.map { [("content-type", $0)] } ?? [])
    }

    private func download(
        _ person: Person, _ answer: Answer, method: String = "GET", _ headers: (name: String, value: String)...
    ) async -> Answer {
        await person.call(method, answer["url"]?.string ?? "?", headers: headers)
    }

    @Test func comesBackAsItWas() async throws {
        let anna = try await TestHub.shared.person()
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let stored = await upload(anna, bytes)
        let id = try #require(stored["id"]?.string)
        #expect(stored.status == 201 && stored.header("Location") == "/attachments/\(id)")
        #expect(stored["name"]?.string == "a.txt" && stored["media_type"]?.string == "text/plain")
        #expect(stored["size"]?.int64 == 300_000 && stored["width"] == nil && stored["created_at"] != nil)
        let got = await download(anna, stored)
        #expect(got.status == 200 && got.response.body == bytes)
        #expect(got.header("ETag") == "\"\(stored["sha256"]?.string ?? "")\"" && stored["sha256"]?.string?.count == 64)
        #expect(got.header("Content-Type") == "text/plain" && got.header("Accept-Ranges") == "bytes")
        #expect(got.header("Content-Disposition") == #"attachment; filename="a.txt""#)
        #expect(got.header("Cache-Control") == "private, no-cache" && got.header("X-Content-Type-Options") == "nosniff")
        #expect(got.header("Content-Security-Policy")?.contains("sandbox") == true)
        let tag = try #require(got.header("ETag"))
        let cached = await download(anna, stored, ("if-none-match", tag))
        #expect(cached.status == 304 && cached.response.body.isEmpty && cached.header("ETag") == tag)
        // Across the border of two chunks, in one piece and in several.
        for range in [262_100..<262_200, 200_000..<299_999] {
            let part = await download(anna, stored, ("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)"))
            #expect(part.status == 206 && part.response.body == Array(bytes[range]))
            #expect(part.header("Content-Range") == "bytes \(range.lowerBound)-\(range.upperBound - 1)/300000")
        }
        let beyond = await download(anna, stored, ("range", "bytes=300000-"))
        #expect(beyond.status == 416 && beyond.problem == "range-not-satisfiable")
        #expect(beyond.header("Content-Range") == "bytes */300000")
        // Whatever is accepted: it is what it is.
        #expect(await download(anna, stored, ("accept", "image/webp")).status == 200)
    }

    @Test func anEmptyFileAndOneWithoutName() async throws {
        let anna = try await TestHub.shared.person()
        let stored = await upload(anna, [], type: nil, target: "/attachments")
        #expect(stored.status == 201 && stored["size"]?.int64 == 0 && stored["name"] == nil)
        let got = await download(anna, stored)
        #expect(got.status == 200 && got.response.body.isEmpty && got.header("Content-Disposition") == "attachment")
    }

    @Test func pictures() async throws {
        let anna = try await TestHub.shared.person()
        let stored = await upload(anna, Self.png, type: nil)
        #expect(stored["media_type"]?.string == "image/png")
        #expect(stored["width"]?.int64 == 256 && stored["height"]?.int64 == 2)
        #expect(await download(anna, stored).header("Content-Disposition") == #"inline; filename="a.txt""#)
        for type in [
            "image/jpeg", "text/plain; charset=utf-8", "nonsense", "image/png/x", "multipart/mixed; boundary=x",
        ] {
            let refused = await upload(anna, Self.png, type: type)
            #expect(refused.status == 415 && refused.problem == "unsupported-media-type", "\(type)")
        }
    }

    @Test func forms() async throws {
        let anna = try await TestHub.shared.person()
        func form(_ parts: String...) -> [UInt8] {
            Array((parts.map { "--b\r\nContent-Disposition: form-data; \($0)\r\n" }.joined() + "--b--\r\n").utf8)
        }
        let type = "multipart/form-data; boundary=b"
        let file = "name=file; filename=\"C:\\dir\\b.txt\"\r\nContent-Type: text/csv\r\n\r\n1,2"
        let stored = await upload(anna, form(file), type: type, target: "/attachments")
        #expect(stored.status == 201 && stored["name"]?.string == "b.txt" && stored["size"]?.int64 == 3)
        #expect(await download(anna, stored).text == "1,2")
        #expect(await upload(anna, form(file), type: type)["name"]?.string == "a.txt", "the query says so")
        let table: [(body: [UInt8], type: String, status: Int, problem: String)] = [
            (form(file, "name=other\r\n\r\nx"), type, 422, "invalid-request"), (form(), type, 400, "bad-request"),
            (form(file).dropLast(6) + [], type, 400, "bad-request"), (Array("nonsense".utf8), type, 400, "bad-request"),
            (form(file), "multipart/form-data", 415, "unsupported-media-type"),
            (form("name=file; filename=\"a%0Ab\"\r\n\r\nx"), type, 422, "invalid-request"),
            (form("name=file\r\nContent-Type: x\r\n\r\nx"), type, 415, "unsupported-media-type"),
        ]
        for (body, type, status, problem) in table {
            let answer = await upload(anna, body, type: type, target: "/attachments")
            #expect(answer.status == status && answer.problem == problem, "\(String(decoding: body, as: UTF8.self))")
        }
        #expect(try await anna.hub.attachments.store.usage(of: Int64(anna.id)!) == 6)
    }

    @Test func limits() async throws {
        let anna = try await TestHub.shared.person()
        let store = anna.hub.attachments.store
        let tooLarge = await upload(anna, [UInt8](repeating: 1, count: 600_001))
        #expect(tooLarge.status == 413 && tooLarge.problem == "too-large")
        #expect(try await store.usage(of: Int64(anna.id)!) == 0, "nothing stays of what is refused")
        // Said in the headers it is refused before anything is read.
        let unread = HTTPRequestStream { Issue.record("nobody asks for the body") }
        let early = await anna.hub.call(
            "POST", "/attachments", bytes: [], stream: unread, token: anna.token,
            headers: [("content-length", "600001")])
        #expect(early.status == 413 && early.problem == "too-large")
        #expect(await upload(anna, [UInt8](repeating: 1, count: 600_000)).status == 201)
        for headers in [[("content-length", "400001")], []] {
            let answer = await anna.hub.call(
                "POST", "/attachments", bytes: [UInt8](repeating: 1, count: 400_001), token: anna.token,
                headers: headers)
            #expect(answer.status == 413 && answer.problem == "quota-exceeded")
        }
        #expect(await upload(anna, [UInt8](repeating: 1, count: 400_000)).status == 201)
        #expect(await upload(anna, [1]).problem == "quota-exceeded")
        #expect(try await store.usage(of: Int64(anna.id)!) == 1_000_000)
    }

    @Test func anUploadThatEndsEarlyLeavesNothing() async throws {
        let anna = try await TestHub.shared.person()
        let stream = HTTPRequestStream {}
        _ = stream.append([UInt8](repeating: 1, count: 300_000))
        async let answer = anna.hub.call("POST", "/attachments", bytes: [], stream: stream, token: anna.token)
        let store = anna.hub.attachments.store
        while try await store.usage(of: Int64(anna.id)!) == 0 { try? await Task.sleep(for: .milliseconds(1)) }
        stream.abort()
        #expect(await answer.status == 400)
        #expect(try await store.usage(of: Int64(anna.id)!) == 0)
    }

    @Test func tooManyAtOnce() async throws {
        let anna = try await TestHub.shared.person()
        let entered = Journal()
        let streams = (0..<8).map { _ in HTTPRequestStream { entered.count.add(1, ordering: .relaxed) } }
        await withTaskGroup(of: Int.self) { group in
            for stream in streams {
                group.addTask {
                    await anna.hub.call("POST", "/attachments", bytes: [], stream: stream, token: anna.token).status
                }
            }
            while entered.count.load(ordering: .relaxed) < 8 { try? await Task.sleep(for: .milliseconds(1)) }
            let refused = await upload(anna, [1])
            #expect(refused.status == 503 && refused.problem == "overloaded" && refused.header("Retry-After") != nil)
            for stream in streams { stream.end() }
            for await status in group { #expect(status == 201) }
        }
        #expect(await upload(anna, [1]).status == 201)
    }

    @Test func bad() async throws {
        let (anna, berta) = try await TestHub.shared.friends()
        let stored = await upload(anna, [1])
        for (person, target) in [
            (berta, stored["url"]?.string ?? ""), (anna, "/attachments/1"), (anna, "/attachments/x"),
        ] {
            let answer = await person.call("GET", target)
            #expect(answer.status == 404 && answer.problem == "not-found")
        }
        #expect(await anna.hub.call("GET", stored["url"]?.string ?? "").status == 401)
        #expect(await anna.hub.call("POST", "/attachments", bytes: [1]).status == 401)
        #expect(await upload(anna, [1], target: "/attachments?name=a/b").fields == ["name"])
        #expect(await upload(anna, [1], target: "/attachments?nope=1").fields == ["nope"])
        #expect(await anna.call("GET", "/attachments").status == 405)
    }

    @Test func avatarsAndPictures() async throws {
        let (anna, berta) = try await TestHub.shared.friends()
        let clara = try await TestHub.shared.person()
        let stored = await upload(anna, Self.png, type: "image/png")
        let id = try #require(stored["id"]?.string)
        let foreign = await berta.call("PATCH", "/profile", #"{"avatar":"\#(id)"}"#)
        #expect(foreign.status == 422 && foreign.fields == ["avatar"])
        #expect(await anna.call("PATCH", "/profile", #"{"avatar":"\#(id)"}"#)["avatar"]?.string == id)
        #expect(await clara.call("GET", "/users/\(anna.id)")["avatar"]?.string == id)
        #expect(await download(clara, stored).status == 200)
        let put = #"{"display_name":"x","avatar":"\#(id)"}"#
        #expect(await anna.call("PUT", "/profile", put)["avatar"]?.string == id)
        #expect(await anna.call("PUT", "/profile", #"{"display_name":"x"}"#)["avatar"] == nil)
        #expect(await download(clara, stored).status == 404)
        let body = #"{"name":"g","members":["\#(berta.id)"],"picture":"\#(id)"}"#
        let group = await anna.call("POST", "/groups", body)
        let path = "/groups/\(group["id"]?.string ?? "")"
        #expect(group.status == 201 && group["picture"]?.string == id)
        #expect(await download(berta, stored).status == 200)
        #expect(await download(clara, stored).status == 404)
        #expect(await anna.call("PATCH", path, #"{"picture":null}"#)["picture"] == nil)
        #expect(await download(berta, stored).status == 404)
        #expect(await anna.call("PATCH", path, #"{"picture":"\#(id)"}"#)["picture"]?.string == id)
        #expect(await anna.call("PUT", path, #"{"name":"g","picture":"1"}"#).fields == ["picture"])
        #expect(await anna.call("PUT", path, #"{"name":"g","picture":"\#(id)"}"#)["picture"]?.string == id)
    }
}
