import Persistence
import Testing

@testable import Broker

/// protocol.md §2: what a publisher may send, and what becomes of it.
struct MessageAdmissionTests {
    struct Case: Sendable {
        var payload: String
        var body: String
        var isText = false
        var clientRef: String?

        init(_ payload: String, _ body: String, isText: Bool = false, clientRef: String? = nil) {
            self.payload = payload
            self.body = body
            self.isText = isText
            self.clientRef = clientRef
        }
    }

    private static func ids(_ count: Int) -> String { (1...count).map { "\"\($0)\"" }.joined(separator: ",") }

    @Test(arguments: [
        Case("hi", #","body":{"text":"hi"}}"#),
        Case(#"say "hi""#, #","body":{"text":"say \"hi\""}}"#),
        Case("[1]", #","body":{"text":"[1]"}}"#),
        Case("  hi", #","body":{"text":"  hi"}}"#),
        Case(" ", #","body":{"text":" "}}"#),
        Case(#"{"text":"hi"}"#, #","body":{"text":"{\"text\":\"hi\"}"}}"#, isText: true),
        Case(#"{"text":"hi"}"#, #","body":{"text":"hi"}}"#),
        Case(" \t\r\n{\"text\" : \"hi\" } ", #","body":{"text":"hi"}}"#),
        Case(#"{"type":"message","text":"hi"}"#, #","body":{"text":"hi"}}"#),
        Case(#"{"text":"hi","client_ref":"a1"}"#, #","client_ref":"a1","body":{"text":"hi"}}"#),
        Case(#"{"text":"hi"}"#, #","client_ref":"a1","body":{"text":"hi"}}"#, clientRef: "a1"),
        Case(#"{"text":"hi","client_ref":"a1"}"#, #","client_ref":"a1","body":{"text":"hi"}}"#, clientRef: "a1"),
        Case("hi", #","client_ref":"\"\\","body":{"text":"hi"}}"#, clientRef: #""\"#),
        Case(
            #"{"custom":{"a":[1,{}]},"mentions":["5"],"reply_to":3,"text":"hi"}"#,
            #","body":{"text":"hi","reply_to":3,"mentions":["5"],"custom":{"a":[1,{}]}}}"#),
        Case(#"{"text":"hi","mentions":[],"attachments":[]}"#, #","body":{"text":"hi"}}"#),
        Case(#"{"attachments":["7290"]}"#, #","body":{"attachments":["7290"]}}"#),
        Case(
            #"{"mentions":["5"],"attachments":["9","7"],"reply_to":3,"text":"hi"}"#,
            #","body":{"text":"hi","reply_to":3,"attachments":["9","7"],"mentions":["5"]}}"#),
        Case(
            #"{"text":"hi","reply_to":9223372036854775807}"#, #","body":{"text":"hi","reply_to":9223372036854775807}}"#),
    ])
    func accepted(_ test: Case) throws {
        let payload = Array(test.payload.utf8)
        let admission = try MessageAdmission(
            payload: payload.span, isText: test.isText, clientRef: test.clientRef.map { Array($0.utf8) })
        #expect(String(decoding: admission.suffix, as: UTF8.self) == test.body)
        #expect(admission.kind == .message)
    }

    struct Refused: Sendable {
        var payload: [UInt8]
        var field: String?
        var clientRef: String?
        var name = "invalid-message"

        init(_ payload: String, _ field: String?, clientRef: String? = nil, name: String = "invalid-message") {
            self.payload = Array(payload.utf8)
            self.field = field
            self.clientRef = clientRef
            self.name = name
        }

        init(bytes: [UInt8], _ field: String?) {
            payload = bytes
            self.field = field
        }
    }

    @Test(arguments: [
        Refused("", nil), Refused("a\u{0}b", "text"), Refused(bytes: [0xFF], "text"),
        Refused(bytes: [0x61, 0xC3], "text"),
        Refused(bytes: [0xED, 0xA0, 0x80], "text"), Refused(String(repeating: "x", count: 16_385), "text"),
        Refused("{", nil), Refused("{}", "text"), Refused(#"{"text":"a"} x"#, nil), Refused(#"{"text":"a",}"#, nil),
        Refused(#"{"text":"a","text":"b"}"#, nil), Refused(#"{"text":"a","te\u0078t":"b"}"#, nil),
        Refused(#"{"text":"\u0000"}"#, nil), Refused(#"{"text":"\uD800"}"#, nil),
        Refused(#"{"text":"a","custom":{"x":"\u0000"}}"#, nil),
        Refused(#"{"text":""}"#, "text"), Refused(#"{"text":1}"#, "text"), Refused(#"{"text":null}"#, "text"),
        Refused(#"{"text":"a","colour":"red"}"#, "colour"), Refused(#"{"text":"a","seq":1}"#, "seq"),
        Refused(#"{"type":"member","text":"a"}"#, "type"), Refused(#"{"type":1,"text":"a"}"#, "type"),
        Refused(#"{"text":"a","reply_to":0}"#, "reply_to"), Refused(#"{"text":"a","reply_to":-1}"#, "reply_to"),
        Refused(#"{"text":"a","reply_to":"3"}"#, "reply_to"), Refused(#"{"text":"a","reply_to":1.5}"#, "reply_to"),
        Refused(#"{"text":"a","reply_to":9223372036854775808}"#, "reply_to"),
        Refused(#"{"text":"a","mentions":"5"}"#, "mentions"), Refused(#"{"text":"a","mentions":[5]}"#, "mentions"),
        Refused(#"{"text":"a","mentions":["05"]}"#, "mentions"), Refused(#"{"text":"a","mentions":["0"]}"#, "mentions"),
        Refused(#"{"text":"a","mentions":["+5"]}"#, "mentions"),
        Refused(#"{"text":"a","mentions":["5","5"]}"#, "mentions"),
        Refused(#"{"text":"a","mentions":[\#(ids(51))]}"#, "mentions"),
        Refused(#"{"text":"a","attachments":["1","1"]}"#, "attachments"), Refused(#"{"attachments":[]}"#, "text"),
        Refused(#"{"text":"a","attachments":[\#(ids(11))]}"#, "attachments"),
        Refused(#"{"text":"a","custom":[]}"#, "custom"), Refused(#"{"text":"a","custom":"x"}"#, "custom"),
        Refused(#"{"text":"a","custom":{"x":"\#(String(repeating: "y", count: 4_089))"}}"#, "custom"),
        Refused(#"{"text":"a","client_ref":""}"#, "client_ref"), Refused(#"{"text":"a","client_ref":5}"#, "client_ref"),
        Refused(#"{"text":"a","client_ref":"a b"}"#, "client_ref"), Refused("a", "client_ref", clientRef: "é"),
        Refused("a", "client_ref", clientRef: String(repeating: "r", count: 65)),
        Refused("a", "client_ref", clientRef: ""),
        Refused(#"{"text":"a","client_ref":"1"}"#, "client_ref", clientRef: "2"),
    ])
    func refused(_ test: Refused) {
        do throws(Refusal) {
            let admission = try MessageAdmission(
                payload: test.payload.span, isText: false, clientRef: test.clientRef.map { Array($0.utf8) })
            Issue.record("accepted: \(String(decoding: admission.suffix, as: UTF8.self))")
        } catch {
            #expect(error.name == test.name)
            #expect(error.code == .payloadFormatInvalid)
            #expect(error.field?.name == test.field)
        }
    }

    /// The limits themselves are within.
    @Test(arguments: [
        String(repeating: "x", count: 16_384), #"{"text":"\#(String(repeating: "\\u00e9", count: 8_192))"}"#,
        #"{"text":"a","mentions":[\#(ids(50))]}"#,
        #"{"text":"a","client_ref":"\#(String(repeating: "~", count: 64))"}"#,
        #"{"text":"a","custom":{"x":"\#(String(repeating: "y", count: 4_088))"}}"#,
    ])
    func atTheLimit(_ payload: String) throws {
        let bytes = Array(payload.utf8)
        _ = try MessageAdmission(payload: bytes.span, isText: false, clientRef: nil)
    }

    @Test func attachmentsAreNamedToTheLog() throws {
        let payload = Array(#"{"attachments":["9","7"]}"#.utf8)
        let admission = try MessageAdmission(payload: payload.span, isText: false, clientRef: nil)
        let append = admission.append(to: .group(1), id: 2, senderID: 3, mayDeleteOthers: false)
        #expect(append.attachments == [9, 7])
        #expect(append.topic == .group(1) && append.id == 2 && append.senderID == 3 && append.kind == .message)
    }

    @Test func keys() throws {
        func key(_ reference: String?, id: Int64) throws -> IdempotencyKeyPair {
            let admission = try MessageAdmission(
                payload: Array("x".utf8).span, isText: false, clientRef: reference.map { Array($0.utf8) })
            let key = admission.key(entryID: id)
            return IdempotencyKeyPair(high: key.high, low: key.low)
        }
        #expect(try key("a", id: 1) == key("a", id: 2))
        #expect(try key("a", id: 1) != key("b", id: 1))
        #expect(try key(nil, id: 1) != key(nil, id: 2))
        #expect(try key("a", id: 1).high >> 63 == 1)
        #expect(try key(nil, id: .max).high >> 63 == 0)
    }

    private struct IdempotencyKeyPair: Equatable {
        var high: UInt64
        var low: UInt64
    }
}
