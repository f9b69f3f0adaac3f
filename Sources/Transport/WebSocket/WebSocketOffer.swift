import COpenSSL

/// Where a server offers WebSocket and to whom, and the answer to a client's opening handshake (RFC 6455 §4.2).
package struct WebSocketOffer: Sendable {
    /// Of the request's target.
    private let path: String
    /// The one that is spoken; the client must offer it.
    private let subprotocol: String
    /// Web pages that may connect, beside those of the address that the client itself connects to. A client that is no browser need not
    /// send an origin.
    private let origins: Set<WebOrigin>
    /// The scheme of their URLs, by the tags of the listeners.
    private let listeners: [UInt8: String]

    package init(path: String, subprotocol: String, origins: Set<WebOrigin>, listeners: [UInt8: String]) {
        precondition(path.hasPrefix("/") && !subprotocol.isEmpty)
        self.path = path
        self.subprotocol = subprotocol
        self.origins = origins
        self.listeners = listeners
    }

    /// True if a request is for this offer to answer.
    func concerns(_ request: HTTPRequest, listener: UInt8) -> Bool {
        request.method == "GET" && request.path == path && listeners[listener] != nil
    }

    /// - Returns: a 101, after which the connection speaks WebSocket.
    func answer(_ request: HTTPRequest, listener: UInt8) throws(HTTPRejection) -> HTTPResponse {
        let key = try checkedKey(request, listener)
        return HTTPResponse(
            status: 101,
            headers: [
                ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", Self.acceptKey(key)),
                ("Sec-WebSocket-Protocol", subprotocol),
            ])
    }

    private func checkedKey(_ request: HTTPRequest, _ listener: UInt8) throws(HTTPRejection) -> String {
        guard elements(request, "upgrade").contains("websocket"), elements(request, "connection").contains("upgrade")
        else {
            throw .upgradeRequired("Only WebSocket is spoken here.")
        }
        guard values(request, "sec-websocket-version") == ["13"] else {
            throw .upgradeRequired("The version of WebSocket is 13.")
        }
        guard request.body.isEmpty else { throw .badRequest("A handshake has no body.") }
        let keys = values(request, "sec-websocket-key")
        guard keys.count == 1, Self.isKey(keys[0]) else {
            throw .badRequest("Sec-WebSocket-Key must be 16 bytes in base64.")
        }
        // Names of subprotocols are compared as they are (RFC 6455 §4.1).
        let offered = values(request, "sec-websocket-protocol").flatMap { $0.split(separator: ",") }
        guard offered.contains(where: { $0.utf8.trimmed.elementsEqual(subprotocol.utf8) }) else {
            throw .badRequest("The client must offer the subprotocol that is spoken here.")
        }
        guard values(request, "origin").allSatisfy({ isAllowed($0, request, listener) }) else {
            throw .originNotAllowed
        }
        return keys[0]
    }

    private func isAllowed(_ claimed: String, _ request: HTTPRequest, _ listener: UInt8) -> Bool {
        guard let origin = WebOrigin(claimed) else { return false }
        if origins.contains(origin) { return true }
        guard origin.isNumeric, let scheme = listeners[listener], let host = request.header("host") else {
            return false
        }
        return WebOrigin("\(scheme)://\(host)") == origin
    }

    private func values(_ request: HTTPRequest, _ name: String) -> [String] {
        request.headers.filter { $0.name == name }.map(\.value)
    }

    private func elements(_ request: HTTPRequest, _ name: String) -> [String] {
        values(request, name).flatMap(HTTPField.elements)
    }

    /// 16 bytes take 22 characters and two of padding.
    private static func isKey(_ key: String) -> Bool {
        let bytes = Array(key.utf8)
        return bytes.count == 24 && bytes[22...].elementsEqual("==".utf8) && bytes[..<22].allSatisfy(isBase64)
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"): true
        default: false
        }
    }

    /// RFC 6455 §4.2.2: the key and a constant, hashed by SHA-1, in base64.
    static func acceptKey(_ key: String) -> String {
        let text = Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        SHA1(text, text.count, &digest)
        // 20 bytes become 28 characters and a zero.
        var encoded = [UInt8](repeating: 0, count: 29)
        EVP_EncodeBlock(&encoded, digest, Int32(digest.count))
        return String(decoding: encoded.dropLast(), as: UTF8.self)
    }
}

extension Sequence<UInt8> {
    /// Without blanks around it.
    fileprivate var trimmed: ArraySlice<UInt8> {
        var bytes = Array(self)[...]
        while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return bytes
    }
}
