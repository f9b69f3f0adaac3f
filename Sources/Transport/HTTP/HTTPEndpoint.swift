/// The answer to a request, on its way back to the connection's reactor.
package struct HTTPAnswer: Sendable {
    package var connection: ConnectionID
    package var response: HTTPResponse

    package init(connection: ConnectionID, response: HTTPResponse) {
        self.connection = connection
        self.response = response
    }
}

/// What tasks have to say to an endpoint.
package enum HTTPMail: Sendable {
    case answer(HTTPAnswer)
    /// Whoever reads the streamed body of this connection's request wants more.
    case read(ConnectionID)
    /// The next piece of an answer's body; nil: there is none, though there should be.
    case piece(ConnectionID, [UInt8]?)
}

/// HTTP on a reactor's connections: parses requests, has each answered in a task of its own, writes the answers. Used on the reactor's
/// thread only.
package struct HTTPEndpoint: ~Copyable {
    struct Client {
        var state: HTTPConnectionState
        var listener: UInt8
        var peer: PeerAddress
        /// As text, which each request has.
        var peerText: String
        var isHead = false
        var phase = HTTPConnectionState.Phase.idle
        var upload: Upload?
        var download: Download?
    }

    /// For a connection that sends nothing, between requests.
    private static let idleMilliseconds: Int64 = 60_000
    /// For a request line with its headers; also for the TLS handshake before the first (security.md "HTTP parser").
    private static let headersMilliseconds: Int64 = 10_000
    /// For a body, which is at most 1 MiB: 17 KB a second at least.
    private static let bodyMilliseconds: Int64 = 60_000

    private let respond: @Sendable (HTTPRequest, _ listener: UInt8) async -> HTTPResponse
    let post: @Sendable (HTTPMail) -> Void
    private let executor: (any TaskExecutor)?
    private let limits: HTTPLimits
    private let makeRequestID: @Sendable () -> String
    private let wallMilliseconds: @Sendable () -> Int64
    private let webSocket: WebSocketOffer?
    /// By connection slot.
    var clients: [Client?] = []
    private var output: [UInt8] = []

    /// - Parameters:
    ///   - respond: called in a task; gets the tag of the listener.
    ///   - post: brings something to this reactor's thread, to `mail`.
    ///   - executor: of the tasks; nil: the default.
    ///   - webSocket: a connection that takes this offer is no longer the endpoint's: after `received`, `Connections.isWebSocket` tells.
    package init(
        respond: @escaping @Sendable (HTTPRequest, _ listener: UInt8) async -> HTTPResponse,
        post: @escaping @Sendable (HTTPMail) -> Void, executor: (any TaskExecutor)? = nil,
        limits: HTTPLimits = HTTPLimits(),
        makeRequestID: @escaping @Sendable () -> String, wallMilliseconds: @escaping @Sendable () -> Int64,
        webSocket: WebSocketOffer? = nil
    ) {
        self.respond = respond
        self.post = post
        self.executor = executor
        self.limits = limits
        self.makeRequestID = makeRequestID
        self.wallMilliseconds = wallMilliseconds
        self.webSocket = webSocket
    }

    package mutating func opened(_ id: ConnectionID, listener: UInt8, peer: PeerAddress, io: inout Connections) {
        while clients.count <= Int(id.slot) { clients.append(nil) }
        clients[Int(id.slot)] = Client(
            state: HTTPConnectionState(limits: limits), listener: listener, peer: peer, peerText: peer.description)
        io.setDeadline(id.slot, at: io.now + Self.headersMilliseconds)
    }

    /// Where a connection of this endpoint comes from.
    package func peer(of id: ConnectionID) -> PeerAddress? { clients[Int(id.slot)]?.peer }

    package mutating func closed(_ id: ConnectionID) {
        clients[Int(id.slot)].take()?.upload?.stream.abort()
    }

    package mutating func deadlineReached(_ id: ConnectionID, io: inout Connections) {
        // While the hub works on an answer, or on what it got of a body, the connection has no deadline.
        io.abort(id.slot)
    }

    package mutating func received(_ id: ConnectionID, _ bytes: Span<UInt8>, io: inout Connections) -> Int {
        let slot = Int(id.slot)
        // Taken out, so that a body that grows is not copied with each of its pieces.
        guard var client = clients[slot].take() else { return bytes.count }
        var (consumed, action) = client.state.received(bytes)
        if case .sendContinue = action {
            let interim = HTTPConnectionState.continueResponse
            io.append(interim.span, to: id.slot, isFrame: false)
            let rest = bytes.extracting(consumed..<bytes.count)
            let more = client.state.received(rest)
            consumed += more.consumed
            action = more.action
        }
        switch action {
        case .needMore: break
        case .sendContinue: preconditionFailure("said once per request")
        case .request(var request):
            if let webSocket, webSocket.concerns(request, listener: client.listener) {
                upgrade(request, client.listener, webSocket, id, io: &io)
                return consumed
            }
            request.peerAddress = client.peerText
            client.isHead = request.method == "HEAD"
            io.pauseReading(id.slot)
            start(request, id, client.listener)
        case .stream(var request):
            request.peerAddress = client.peerText
            client.isHead = false
            request.stream = beginUpload(&client, id, io: &io)
            start(request, id, client.listener)
        case .streamEnd: endUpload(&client, id, io: &io)
        case .reject(let rejection):
            client.upload.take()?.stream.abort()
            refuse(rejection, id, io: &io)
        }
        if client.upload != nil { takeBody(&client, id, io: &io) }
        setDeadline(&client, id, io: &io)
        clients[slot] = client
        return consumed
    }

    private mutating func refuse(_ rejection: HTTPRejection, _ id: ConnectionID, io: inout Connections) {
        let response = rejection.response(requestID: makeRequestID())
        output.removeAll(keepingCapacity: true)
        response.write(into: &output, keepAlive: false, head: false, dateMilliseconds: wallMilliseconds())
        io.append(output.span, to: id.slot, isFrame: false)
        io.finish(id.slot)
    }

    private mutating func upgrade(
        _ request: HTTPRequest, _ listener: UInt8, _ offer: WebSocketOffer, _ id: ConnectionID, io: inout Connections
    ) {
        do throws(HTTPRejection) {
            let response = try offer.answer(request, listener: listener)
            output.removeAll(keepingCapacity: true)
            response.write(into: &output, keepAlive: true, head: false, dateMilliseconds: wallMilliseconds())
            io.append(output.span, to: id.slot, isFrame: false)
            io.startWebSocket(id.slot)
            clients[Int(id.slot)] = nil
        } catch {
            refuse(error, id, io: &io)
        }
    }

    /// The connection may be gone.
    package mutating func mail(_ mail: HTTPMail, io: inout Connections) {
        switch mail {
        case .answer(let answer): self.answer(answer, io: &io)
        case .read(let id): readOn(id, io: &io)
        case .piece(let id, let bytes): send(bytes, to: id, io: &io)
        }
    }

    /// Writes an answer that a task has made, or the beginning of one.
    private mutating func answer(_ answer: HTTPAnswer, io: inout Connections) {
        let slot = Int(answer.connection.slot)
        guard io.isOpen(answer.connection), var client = clients[slot] else { return }
        output.removeAll(keepingCapacity: true)
        // False also if the answer comes before the end of the request's body.
        let keepAlive = client.state.keepAlive
        answer.response.writeHead(into: &output, keepAlive: keepAlive, dateMilliseconds: wallMilliseconds())
        io.append(output.span, to: answer.connection.slot, isFrame: false)
        if !client.isHead { io.append(answer.response.body.span, to: answer.connection.slot, isFrame: false) }
        client.upload.take()?.stream.abort()
        if let source = answer.response.source, source.length > 0, !client.isHead {
            client.download = Download(source: source)
            demandPiece(source, answer.connection)
        } else {
            endAnswer(&client, answer.connection, io: &io)
        }
        clients[slot] = client
    }

    /// All of the answer is queued.
    func endAnswer(_ client: inout Client, _ id: ConnectionID, io: inout Connections) {
        guard client.state.keepAlive, client.state.responded() else {
            io.finish(id.slot)
            return
        }
        setDeadline(&client, id, io: &io)
        io.resumeReading(id.slot)
    }

    private func start(_ request: HTTPRequest, _ id: ConnectionID, _ listener: UInt8) {
        Task(executorPreference: executor) { [respond, post] in
            post(.answer(HTTPAnswer(connection: id, response: await respond(request, listener))))
        }
    }

    /// A deadline is set when a phase begins and not moved while it lasts: a trickle does not prolong it.
    func setDeadline(_ client: inout Client, _ id: ConnectionID, io: inout Connections) {
        let phase = client.state.phase
        guard phase != client.phase else { return }
        client.phase = phase
        switch phase {
        case .idle: io.setDeadline(id.slot, at: io.now + Self.idleMilliseconds)
        case .headers: io.setDeadline(id.slot, at: io.now + Self.headersMilliseconds)
        // `BodyPace` has the deadlines of streamed ones.
        case .body: io.setDeadline(id.slot, at: client.upload == nil ? io.now + Self.bodyMilliseconds : 0)
        case .response: io.setDeadline(id.slot, at: 0)
        case .closed: break
        }
    }
}
