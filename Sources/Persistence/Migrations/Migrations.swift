extension Migration {
    /// The schema, step by step.
    package static let all: [Migration] = [
        .log, .accounts, .plain, .annotations, .retention, .issuers, .attachments, .security, .bots,
        .requestKeys, .search, .searchWords, .attachmentRoom, .searchWalk, .redaction,
    ]
}
