import Memory

/// WebSocket between a connection and its handler (RFC 6455): the handler receives and appends a stream of bytes as always. Binary frames
/// carry it, cut anywhere.
extension Connections {
    package func isWebSocket(_ slot: Int32) -> Bool { table[Int(slot)].webSocket >= 0 }

    /// From now on the connection speaks WebSocket; what was appended before goes out as it is.
    package mutating func startWebSocket(_ slot: Int32) {
        let index = Int(slot)
        precondition(table[index].webSocket < 0)
        var state = WebSocketState()
        swap(&state.sending, &table[index].output)
        if let free = freeWebSockets.popLast() {
            webSockets[Int(free)] = state
            table[index].webSocket = free
        } else {
            webSockets.append(state)
            table[index].webSocket = Int32(webSockets.count - 1)
        }
    }

    /// The peer has shown who it is: limits for strangers no longer hold for it.
    package mutating func admit(_ slot: Int32) {
        let webSocket = Int(table[Int(slot)].webSocket)
        if webSocket >= 0 { webSockets[webSocket].decoder.payloadBytesMax = WebSocketState.admittedPayloadBytesMax }
    }

    /// Takes the payload out of received frames, in place, and answers pings.
    /// - Returns: how many bytes of payload there are, and, if the connection is to end, the code that says why.
    mutating func unframe(_ slot: Int32, _ bytes: inout MutableSpan<UInt8>) -> (count: Int, closeCode: UInt16?) {
        let webSocket = Int(table[Int(slot)].webSocket)
        var read = 0, written = 0
        while let event = webSockets[webSocket].decoder.decode(&bytes, read: &read, written: &written) {
            switch event {
            case .messageEnd: break
            case .ping(let payload):
                guard accepts(slot) else { break }
                webSockets[webSocket].pong = payload
                markDirty(slot)
            case .close(let code): return (written, code ?? WebSocketFrame.CloseCode.normal)
            case .violation(let code): return (written, code)
            }
        }
        return (written, nil)
    }

    mutating func postponeEnd(_ slot: Int32, _ closeCode: UInt16) {
        webSockets[Int(table[Int(slot)].webSocket)].postponedEnd = closeCode
    }

    mutating func takePostponedEnd(_ slot: Int32) -> UInt16? {
        guard isWebSocket(slot) else { return nil }
        return webSockets[Int(table[Int(slot)].webSocket)].postponedEnd.take()
    }

    /// Sends what is queued and a close frame, then closes.
    mutating func finishWebSocket(_ slot: Int32, _ closeCode: UInt16) {
        webSockets[Int(table[Int(slot)].webSocket)].closeCode = closeCode
        finish(slot)
    }

    /// Frames what is queued, as far as the socket takes it. What it does not take stays unframed, so that a slow peer's output grows
    /// by its bytes only, and control frames get between.
    mutating func writeFramed(_ slot: Int32) -> Bool {
        let index = Int(slot), webSocket = Int(table[index].webSocket)
        while !table[index].flags.contains(.outputLost) {
            if webSockets[webSocket].sending.isEmpty { fillFrames(index, webSocket) }
            if webSockets[webSocket].sending.isEmpty, table[index].cipherOutput.isEmpty { return true }
            swap(&table[index].output, &webSockets[webSocket].sending)
            let isDone = writeOutput(slot)
            swap(&table[index].output, &webSockets[webSocket].sending)
            guard isDone, !table[index].flags.contains(.closing) else { return isDone }
        }
        table[index].output.removeAll(pool: &pool)
        return true
    }

    private mutating func fillFrames(_ index: Int, _ webSocket: Int) {
        var frames = OutputQueue()
        if let pong = webSockets[webSocket].pong {
            webSockets[webSocket].pong = nil
            frames.append(WebSocketFrame.control(.pong, pong).span, pool: &pool)
        }
        if !table[index].output.isEmpty {
            var frame = table[index].output.takeBlocks(WebSocketState.blocksPerFrameMax)
            let header = WebSocketFrame.header(.binary, payloadBytes: frame.count)
            for position in (0..<header.count).reversed() { frame.prepend(header[position]) }
            frames.append(frame)
        } else if table[index].flags.contains(.finishing), !webSockets[webSocket].isCloseSent {
            webSockets[webSocket].isCloseSent = true
            frames.append(WebSocketFrame.close(webSockets[webSocket].closeCode).span, pool: &pool)
        }
        webSockets[webSocket].sending = frames
    }

    mutating func removeWebSocket(_ index: Int) {
        let webSocket = table[index].webSocket
        guard webSocket >= 0 else { return }
        webSockets[Int(webSocket)].sending.removeAll(pool: &pool)
        webSockets[Int(webSocket)] = WebSocketState()
        freeWebSockets.append(webSocket)
    }
}
