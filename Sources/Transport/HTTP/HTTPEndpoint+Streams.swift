// Bodies that are larger than memory should follow: read from the client while somebody takes them, and made while the client takes them.
extension HTTPEndpoint {
    /// A request whose body is on its way.
    struct Upload {
        let stream: HTTPRequestStream
        var pace = BodyPace()
        /// The client waits to be told that it may send the body.
        var owesContinue: Bool
    }

    /// An answer whose body is on its way.
    struct Download {
        let source: any HTTPBodySource
        var bytesLeft: Int

        init(source: any HTTPBodySource) {
            self.source = source
            bytesLeft = source.length
        }
    }

    /// For a client to take all but the last bytes of a piece: at 64 KiB 1 KB a second, less than any line has.
    private static var pieceMilliseconds: Int64 { 60_000 }

    // MARK: Requests

    /// Nothing of the body is read before somebody asks for it: who answers without it need not let the client send it.
    func beginUpload(_ client: inout Client, _ id: ConnectionID, io: inout Connections) -> HTTPRequestStream {
        let stream = HTTPRequestStream { [post] in post(.read(id)) }
        client.upload = Upload(stream: stream, owesContinue: client.state.expectsContinue)
        io.pauseReading(id.slot)
        return stream
    }

    mutating func readOn(_ id: ConnectionID, io: inout Connections) {
        let slot = Int(id.slot)
        guard io.isOpen(id), clients[slot]?.upload != nil, clients[slot]?.phase == .body else { return }
        if clients[slot]!.upload!.owesContinue {
            clients[slot]!.upload!.owesContinue = false
            let interim = HTTPConnectionState.continueResponse
            io.append(interim.span, to: id.slot, isFrame: false)
        }
        io.setDeadline(id.slot, at: clients[slot]!.upload!.pace.resume(at: io.now))
        io.resumeReading(id.slot)
    }

    /// Hands over what has arrived; reads no further while too much waits.
    func takeBody(_ client: inout Client, _ id: ConnectionID, io: inout Connections) {
        guard let stream = client.upload?.stream else { return }
        let bytes = client.state.takeBody()
        // A client that does not wait for the 100 needs none.
        if !bytes.isEmpty { client.upload!.owesContinue = false }
        let deadline = client.upload!.pace.received(bytes.count, at: io.now)
        let goesOn = stream.append(bytes)
        guard client.state.phase == .body else { return }
        if !goesOn {
            io.pauseReading(id.slot)
            client.upload!.pace.pause(at: io.now)
            io.setDeadline(id.slot, at: 0)
        } else if let deadline {
            io.setDeadline(id.slot, at: deadline)
        }
    }

    /// The body is complete, its last bytes included.
    func endUpload(_ client: inout Client, _ id: ConnectionID, io: inout Connections) {
        io.pauseReading(id.slot)
        takeBody(&client, id, io: &io)
        client.upload.take()?.stream.end()
    }

    // MARK: Answers

    func demandPiece(_ source: any HTTPBodySource, _ id: ConnectionID) {
        Task { [post] in post(.piece(id, try? await source.next())) }
    }

    mutating func send(_ bytes: [UInt8]?, to id: ConnectionID, io: inout Connections) {
        let slot = Int(id.slot)
        guard io.isOpen(id), var client = clients[slot], var download = client.download else { return }
        guard let bytes, !io.isOutputLost(id.slot) else {
            io.abort(id.slot)
            return
        }
        precondition(1...download.bytesLeft ~= bytes.count, "a source gives what it has announced")
        download.bytesLeft -= bytes.count
        io.append(bytes.span, to: id.slot, isFrame: false)
        if download.bytesLeft == 0 {
            client.download = nil
            endAnswer(&client, id, io: &io)
        } else {
            client.download = download
            io.setDeadline(id.slot, at: io.now + Self.pieceMilliseconds)
            io.awaitRefill(id.slot)
        }
        clients[slot] = client
    }

    /// What was queued is sent, all but a little.
    package mutating func drained(_ id: ConnectionID, io: inout Connections) {
        guard let download = clients[Int(id.slot)]?.download else { return }
        guard !io.isOutputLost(id.slot) else {
            io.abort(id.slot)
            return
        }
        io.setDeadline(id.slot, at: 0)
        demandPiece(download.source, id)
    }
}
