extension Migration {
    /// Logs that lose their beginnings.
    static let retention = Migration(number: 5, name: "retention", sql: [firstSeq, trim].joined(separator: ";\n"))

    private static let firstSeq = """
        ALTER TABLE topics ADD first_seq bigint NOT NULL DEFAULT 1;
        COMMENT ON COLUMN topics.first_seq IS 'the first entry that is still there; one above last_seq: none is'
        """

    /// Deletes from the beginning of a log, at most `p_most` entries: those below `p_below`, and after them those whose ids are below
    /// `p_oldest`, up to the first that is not. Ids hold the time and ascend nearly, but not quite, as seqs do: so an entry is never deleted
    /// for the age of a later one. The topic's row is locked when the entries are deleted, which may have to be read from disk: so publishers
    /// wait only for what little there is about these entries, and for the commit. Under that lock nobody adds to it.
    private static let trim = """
        CREATE FUNCTION confab_trim(
            p_topic bigint, p_below bigint, p_oldest bigint, p_most bigint, OUT o_first bigint, OUT o_deleted bigint
        ) LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_first bigint;
            v_end bigint;
        BEGIN
            SELECT first_seq, least(first_seq + p_most, last_seq + 1) INTO v_first, v_end FROM topics WHERE id = p_topic;
            o_first := greatest(v_first, least(p_below, v_end));
            o_first := coalesce(
                (SELECT seq FROM messages WHERE topic_id = p_topic AND seq >= o_first AND seq < v_end AND id >= p_oldest
                    ORDER BY seq LIMIT 1),
                v_end);
            DELETE FROM messages WHERE topic_id = p_topic AND seq >= v_first AND seq < o_first;
            GET DIAGNOSTICS o_deleted = ROW_COUNT;
            UPDATE topics SET first_seq = o_first WHERE id = p_topic AND first_seq < o_first;
            PERFORM confab_drop_attachments(p_topic, n.seq)
            FROM (SELECT DISTINCT seq FROM attachment_names WHERE topic_id = p_topic AND seq >= v_first AND seq < o_first) n;
            DELETE FROM message_edits WHERE topic_id = p_topic AND target_seq >= v_first AND target_seq < o_first;
            DELETE FROM message_deletions WHERE topic_id = p_topic AND target_seq >= v_first AND target_seq < o_first;
            DELETE FROM message_reactions WHERE topic_id = p_topic AND target_seq >= v_first AND target_seq < o_first;
        END $$
        """
}
