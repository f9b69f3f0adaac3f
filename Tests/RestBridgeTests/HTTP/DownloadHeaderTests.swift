import Testing
import Transport

@testable import RestBridge

@Suite struct DownloadHeaderTests {
    @Test(arguments: [
        ("image/png", "", "inline"), ("image/png", "a.png", #"inline; filename="a.png""#),
        ("image/svg+xml", "a.svg", #"attachment; filename="a.svg""#), ("text/html", "", "attachment"),
        ("application/pdf", "my file.pdf", #"attachment; filename="my file.pdf""#),
        ("text/plain", #"a"b\c%41"#, #"attachment; filename="a_b_c_41"; filename*=UTF-8''a%22b%5Cc%2541"#),
        (
            "image/gif", "Grüße €.gif",
            #"inline; filename="Gr__e _.gif"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E2%82%AC.gif"#
        ),
        ("text/plain", "🎉", #"attachment; filename="_"; filename*=UTF-8''%F0%9F%8E%89"#),
    ]) func contentDisposition(_ mediaType: String, _ name: String, _ expected: String) {
        #expect(ContentDisposition.value(mediaType: mediaType, name: name) == expected)
    }

    @Test(
        arguments: [
            (nil, "whole"), ("bytes=0-0", "0..<1"), ("bytes=2-5", "2..<6"), ("bytes=2-", "2..<10"),
            ("bytes=-3", "7..<10"),
            ("bytes=-30", "0..<10"), ("bytes=0-99999999999999999999", "0..<10"), ("BYTES=1-1", "1..<2"),
            ("bytes= 1-2 ", "1..<3"), ("bytes=10-", "none"), ("bytes=99999999999999999999-", "none"),
            ("bytes=-0", "none"),
            ("bytes=5-2", "whole"), ("bytes=0-1,3-4", "whole"), ("bytes=", "whole"), ("bytes=-", "whole"),
            ("bytes=a-b", "whole"), ("bytes=1", "whole"), ("bytes=1-2-3", "whole"), ("bytes=+1-2", "whole"),
            ("items=0-1", "whole"),
        ] as [(String?, String)]) func ranges(_ header: String?, _ expected: String)
    {
        var request = HTTPRequest(method: "GET", path: "/")
        if let header { request.headers.append(("range", header)) }
        #expect(described(request) == expected)
        request.headers.append(("if-range", "\"t\""))
        #expect(described(request) == expected)
        for other in ["\"u\"", "W/\"t\"", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            request.headers[request.headers.count - 1].value = other
            #expect(described(request) == "whole")
        }
        request.headers.removeLast()
        request.method = "HEAD"
        #expect(described(request) == "whole")
    }

    @Test func nothingOfNothing() {
        var request = HTTPRequest(method: "GET", path: "/")
        for header in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            request.headers = [("range", header)]
            #expect(RangeDecision(request, size: 0, tag: "\"t\"") == .unsatisfiable)
        }
    }

    private func described(_ request: HTTPRequest) -> String {
        switch RangeDecision(request, size: 10, tag: "\"t\"") {
        case .whole: "whole"
        case .part(let range): "\(range)"
        case .unsatisfiable: "none"
        }
    }

    @Test(
        arguments: [
            ([], false), (["\"t\""], true), (["W/\"t\""], true), (["*"], true), (["\"u\", \"t\""], true),
            (["\"u\"", "\"t\""], true), (["\"u\""], false), (["t"], false),
        ] as [([String], Bool)]) func ifNoneMatch(_ values: [String], _ expected: Bool)
    {
        let request = HTTPRequest(method: "GET", path: "/", headers: values.map { ("if-none-match", $0) })
        #expect(request.hasAlready("\"t\"") == expected)
    }

    @Test(arguments: [
        ("a.txt", true), ("", true), ("Grüße €.gif", true), (String(repeating: "x", count: 255), true),
        (String(repeating: "x", count: 256), false), ("a/b", false), ("a\\b", false), ("a\u{7}b", false),
        ("a\r\nb", false), ("photo\u{202E}gpj.exe", false), ("a\u{85}b", false), ("..", true),
    ]) func names(_ name: String, _ isGood: Bool) {
        #expect(((try? AttachmentName.checked(name)) == name) == isGood)
    }
}
