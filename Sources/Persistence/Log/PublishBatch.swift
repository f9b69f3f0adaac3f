/// The shape of one call of the publish functions: which entries, in which order, of which topics. Encodes them without a `String`
/// or an object per entry.
struct PublishBatch {
    static let publish: StaticString = "SELECT confab_publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    static let publishOrdered: StaticString =
        "SELECT confab_publish_ordered($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    static let publishCarefully: StaticString =
        "SELECT seqs, ids, states FROM confab_publish_careful($1, $2, $3, $4, $5, $6, $7)"
    static let publishAnnotated: StaticString =
        "SELECT seqs, ids, states FROM confab_publish_annotated($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    static let publishAttaching: StaticString =
        "SELECT seqs, ids, states FROM confab_publish_attaching($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"

    let appends: [Append]
    /// Indexes of `appends`: by topic ascending (that is the order of locks), within a topic as they came.
    private var order: [Int] = []
    private var topics: [(id: Int64, entries: Int32, messages: Int32)] = []
    /// In the order of `order`.
    private var places: [(topic: Int32, position: Int32, messages: Int32)] = []
    /// Messages name attachments: only `confab_publish_attaching` takes these.
    private(set) var isAttaching = false

    /// Entries are about earlier ones: only `confab_publish_annotated` takes these.
    private(set) var isAnnotated = false

    init(_ appends: [Append]) {
        self.appends = appends
        var keys = appends.indices.map { (topic: appends[$0].topic.id, index: $0) }
        keys.sort { ($0.topic, $0.index) < ($1.topic, $1.index) }
        order = keys.map(\.index)
        places.reserveCapacity(keys.count)
        for key in keys {
            if topics.last?.id != key.topic { topics.append((key.topic, 0, 0)) }
            let last = topics.count - 1
            topics[last].entries += 1
            if appends[key.index].kind == .message { topics[last].messages += 1 }
            if appends[key.index].annotation != nil { isAnnotated = true }
            if !appends[key.index].attachments.isEmpty { isAttaching = true }
            places.append((Int32(topics.count), topics[last].entries, topics[last].messages))
        }
    }

    /// The parameters of `confab_publish`.
    func encode(into buffer: inout ParameterBuffer) {
        buffer.removeAll()
        appendTopicIDs(to: &buffer)
        Self.append(&buffer, TypeOID.integerArray, TypeOID.integer, topics) { $0.appendElement($1.entries) }
        Self.append(&buffer, TypeOID.integerArray, TypeOID.integer, topics) { $0.appendElement($1.messages) }
        Self.append(&buffer, TypeOID.integerArray, TypeOID.integer, places) { $0.appendElement($1.topic) }
        Self.append(&buffer, TypeOID.integerArray, TypeOID.integer, places) { $0.appendElement($1.position) }
        Self.append(&buffer, TypeOID.integerArray, TypeOID.integer, places) { $0.appendElement($1.messages) }
        appendColumns(to: &buffer)
    }

    /// The parameters of `confab_publish_careful` or, if that is needed, of `confab_publish_annotated` or `confab_publish_attaching`.
    /// - Returns: the statement.
    func encodeCarefully(into buffer: inout ParameterBuffer) -> StaticString {
        buffer.removeAll()
        appendTopicIDs(to: &buffer)
        Self.append(&buffer, TypeOID.integerArray, TypeOID.integer, places) { $0.appendElement($1.topic) }
        appendColumns(to: &buffer)
        guard isAnnotated || isAttaching else { return Self.publishCarefully }
        appendAnnotations(to: &buffer)
        guard isAttaching else { return Self.publishAnnotated }
        appendAttachments(to: &buffer)
        return Self.publishAttaching
    }

    /// The `seq` of each append, in the order of `appends`, from the answer of `confab_publish`.
    func seqs(_ rows: Rows) -> [Int64] {
        let bases = rows.ints(0, 0)
        precondition(bases.count == topics.count)
        var seqs = [Int64](repeating: 0, count: appends.count)
        for (place, index) in zip(places, order) { seqs[index] = bases[Int(place.topic) - 1] + Int64(place.position) }
        return seqs
    }

    /// What `confab_publish_careful` did with an entry.
    enum CarefulState: Int64 {
        case appended = 0
        case same, other, topicMissing, noSuchMessage, notTheAuthor, tooOld, attachmentMissing
    }

    struct CarefulResult {
        /// Of the entry that is in the log now, or was there before.
        var seq: Int64
        var id: Int64
        var state: CarefulState
    }

    /// In the order of `appends`, from the answer of `confab_publish_careful`.
    func carefulResults(_ rows: Rows) -> [CarefulResult] {
        let (seqs, ids, states) = (rows.ints(0, 0), rows.ints(0, 1), rows.ints(0, 2))
        precondition(seqs.count == appends.count && ids.count == appends.count && states.count == appends.count)
        var results = [CarefulResult](
            repeating: CarefulResult(seq: 0, id: 0, state: .topicMissing), count: appends.count)
        for (row, index) in order.enumerated() {
            guard let state = CarefulState(rawValue: states[row]) else { preconditionFailure("state \(states[row])") }
            results[index] = CarefulResult(seq: seqs[row], id: ids[row], state: state)
        }
        return results
    }

    /// Indexes of `appends` by topic, then as they came.
    var indexesByTopic: [Int] { order }

    private func appendTopicIDs(to buffer: inout ParameterBuffer) {
        Self.append(&buffer, TypeOID.bigintArray, TypeOID.bigint, topics) { $0.appendElement($1.id) }
    }

    private func appendAnnotations(to buffer: inout ParameterBuffer) {
        Self.append(&buffer, TypeOID.bigintArray, TypeOID.bigint, order) {
            $0.appendElement(appends[$1].annotation?.target ?? 0)
        }
        Self.append(&buffer, TypeOID.byteaArray, TypeOID.bytea, order) {
            let emoji = appends[$1].annotation?.emoji ?? []
            $0.appendBigEndian(Int32(emoji.count))
            $0.append(contentsOf: emoji)
        }
        Self.append(&buffer, TypeOID.boolArray, TypeOID.bool, order) {
            $0.appendElement(Int8(appends[$1].annotation?.flag == true ? 1 : 0))
        }
    }

    private func appendAttachments(to buffer: inout ParameterBuffer) {
        let named = order.enumerated().flatMap { row, index in
            appends[index].attachments.map { (entry: Int32(row + 1), id: $0) }
        }
        Self.append(&buffer, TypeOID.integerArray, TypeOID.integer, named) { $0.appendElement($1.entry) }
        Self.append(&buffer, TypeOID.bigintArray, TypeOID.bigint, named) { $0.appendElement($1.id) }
    }

    private func appendColumns(to buffer: inout ParameterBuffer) {
        Self.append(&buffer, TypeOID.bigintArray, TypeOID.bigint, order) { $0.appendElement(appends[$1].id) }
        Self.append(&buffer, TypeOID.bigintArray, TypeOID.bigint, order) { $0.appendElement(appends[$1].senderID) }
        Self.append(&buffer, TypeOID.smallintArray, TypeOID.smallint, order) {
            $0.appendElement(appends[$1].kind.rawValue)
        }
        Self.append(&buffer, TypeOID.uuidArray, TypeOID.uuid, order) {
            $0.appendBigEndian(Int32(16))
            $0.appendBigEndian(appends[$1].key.high)
            $0.appendBigEndian(appends[$1].key.low)
        }
        Self.append(&buffer, TypeOID.byteaArray, TypeOID.bytea, order) {
            let suffix = appends[$1].suffix
            $0.appendBigEndian(Int32(suffix.count))
            $0.append(contentsOf: suffix)
        }
    }

    @inline(__always)
    private static func append<T>(
        _ buffer: inout ParameterBuffer, _ type: UInt32, _ element: UInt32, _ values: [T],
        _ encode: (inout [UInt8], T) -> Void
    ) {
        buffer.append(type: type) { bytes in
            bytes.appendArrayHeader(count: values.count, element: element)
            for value in values { encode(&bytes, value) }
        }
    }
}

extension Annotation {
    fileprivate var emoji: [UInt8] {
        switch action {
        case .reaction(let emoji, _): emoji
        case .edit, .delete: []
        }
    }

    fileprivate var flag: Bool {
        switch action {
        case .edit: false
        case .delete(let mayBeOthers): mayBeOthers
        case .reaction(_, let isAdded): isAdded
        }
    }
}
