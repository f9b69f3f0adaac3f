import CLinux
import Glibc
import Memory

extension Connections {
    /// Pieces in one gathering write.
    private static let piecesMax = 16

    /// Writes what a connection has queued, as far as the socket takes it.
    mutating func write(_ slot: Int32) {
        let index = Int(slot)
        guard table[index].flags.contains(.open), !table[index].flags.contains(.closing) else { return }
        var isDone = table[index].webSocket < 0 ? writeOutput(slot) : writeFramed(slot)
        if isDone, table[index].flags.contains(.finishing) { isDone = sendCloseNotify(index) }
        guard !table[index].flags.contains(.closing) else { return }
        if isDone == table[index].flags.contains(.awaitsWritability) {
            table[index].flags.formSymmetricDifference(.awaitsWritability)
            updateInterest(slot)
        }
        if table[index].flags.contains(.aboveHighWater), table[index].queuedBytes < lowWaterBytes {
            table[index].flags.remove(.aboveHighWater)
            drained.append(slot)
        }
        if table[index].flags.contains(.wantsRefill), table[index].queuedBytes <= Self.refillBytes {
            table[index].flags.remove(.wantsRefill)
            drained.append(slot)
        }
        if isDone, table[index].flags.contains(.finishing) { linger(slot) }
    }

    /// All is sent: half-closes, and waits for the peer to close unless it has.
    private mutating func linger(_ slot: Int32) {
        let index = Int(slot)
        guard !table[index].flags.contains(.lingering) else { return }
        table[index].flags.insert(.lingering)
        if !table[index].flags.isDisjoint(with: [.inputEnded, .outputLost]) {
            abort(slot)
        } else {
            shutdown(table[index].descriptor, Int32(SHUT_WR))
            schedule(slot, at: now + lingerMilliseconds)
        }
    }

    /// - Returns: true if nothing is left (or the connection is lost).
    mutating func writeOutput(_ slot: Int32) -> Bool {
        table[Int(slot)].tls == nil ? writePlain(Int(slot)) : writeEncrypted(slot)
    }

    /// - Returns: whether it is sent, or nothing is to be said.
    private mutating func sendCloseNotify(_ index: Int) -> Bool {
        guard let tls = table[index].tls, !table[index].flags.contains(.closeNotified) else { return true }
        table[index].flags.insert(.closeNotified)
        tls.notifyClose(cipherPort)
        return sendCipherText(index)
    }

    /// The peer takes nothing more. The connection ends once everything that it sent before is read: a PUBLISH that is followed by a
    /// close counts. Shutting down makes sure that the poller reports the end.
    private mutating func loseOutput(_ index: Int) {
        table[index].flags.insert(.outputLost)
        table[index].output.removeAll(pool: &pool)
        table[index].cipherOutput.removeAll(pool: &pool)
        cipherPort.clearOutput()
        shutdown(table[index].descriptor, Int32(SHUT_RDWR))
        if table[index].flags.contains(.finishing) { abort(Int32(index)) }
    }

    private mutating func writePlain(_ index: Int) -> Bool {
        while !table[index].output.isEmpty {
            let sent = sendGathered(table[index].output, table[index].descriptor)
            guard sent >= 0 else {
                loseOutput(index)
                return true
            }
            guard sent > 0 else { return false }
            table[index].output.removeFirst(sent, pool: &pool)
        }
        return true
    }

    /// Encrypts block by block, so that records are full, and sends.
    private mutating func writeEncrypted(_ slot: Int32) -> Bool {
        let index = Int(slot)
        guard let tls = table[index].tls else { preconditionFailure("only called for TLS") }
        guard sendCipherText(index) else { return false }
        guard tls.isEstablished else { return true }
        while !table[index].output.isEmpty {
            while !table[index].output.isEmpty, cipherPort.outputCount < CipherPort.outputTargetBytes {
                let piece = table[index].output.first
                guard tls.encrypt(piece, cipherPort) else {
                    // What another connection sends next must not begin with our rest.
                    cipherPort.clearOutput()
                    abort(slot)
                    return true
                }
                table[index].output.removeFirst(piece.count, pool: &pool)
            }
            guard sendCipherText(index) else { return false }
        }
        return true
    }

    /// Sends what is left from before, then what the cipher port holds; keeps what the socket does not take.
    /// - Returns: true if nothing is left (or the connection is lost).
    mutating func sendCipherText(_ index: Int) -> Bool {
        guard !table[index].flags.contains(.outputLost) else {
            cipherPort.clearOutput()
            return true
        }
        while !table[index].cipherOutput.isEmpty {
            let sent = sendGathered(table[index].cipherOutput, table[index].descriptor)
            guard sent >= 0 else {
                loseOutput(index)
                return true
            }
            if sent == 0 { break }
            table[index].cipherOutput.removeFirst(sent, pool: &pool)
        }
        var fresh = cipherPort.output
        if table[index].cipherOutput.isEmpty {
            while !fresh.isEmpty {
                let sent = sendOnce(fresh, table[index].descriptor)
                guard sent >= 0 else {
                    loseOutput(index)
                    return true
                }
                if sent == 0 { break }
                fresh = UnsafeBufferPointer(rebasing: fresh[sent...])
            }
        }
        table[index].cipherOutput.append(fresh, pool: &pool)
        cipherPort.clearOutput()
        return table[index].cipherOutput.isEmpty
    }

    /// - Returns: bytes sent; 0 if the socket is full; -1 if the connection is lost.
    private func sendGathered(_ queue: OutputQueue, _ descriptor: Int32) -> Int {
        withUnsafeTemporaryAllocation(of: UnsafeBufferPointer<UInt8>.self, capacity: Self.piecesMax) { pieces in
            let found = queue.gather(into: pieces)
            if found == 1 { return sendOnce(pieces[0], descriptor) }
            return withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.piecesMax) { vectors in
                for piece in 0..<found {
                    vectors[piece] = iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: pieces[piece].baseAddress),
                        iov_len: pieces[piece].count)
                }
                var message = msghdr()
                message.msg_iov = vectors.baseAddress
                message.msg_iovlen = found
                return bytesSent { sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) }
            }
        }
    }

    private func sendOnce(_ bytes: UnsafeBufferPointer<UInt8>, _ descriptor: Int32) -> Int {
        bytesSent { send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
    }

    private func bytesSent(_ call: () -> Int) -> Int {
        do throws(SystemCallError) {
            return try systemCall("send", call) ?? 0
        } catch {
            return -1
        }
    }
}
