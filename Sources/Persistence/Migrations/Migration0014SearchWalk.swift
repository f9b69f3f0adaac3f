extension Migration {
    /// What a search costs is bounded, however often its words are used on the hub.
    static let searchWalk = Migration(
        number: 14, name: "search walk", sql: [order, estimate, walk, page].joined(separator: ";\n"))

    /// The entries of a conversation, the newest first. The more words the statistics know, the fewer are estimated by a guess.
    private static let order = """
        CREATE INDEX search_entries_order ON search_entries (topic_id, id);
        ALTER TABLE search_entries ALTER words SET STATISTICS 300
        """

    /// How many entries the planner expects. It knows how often the more common words are used, and what begins with what.
    private static let estimate = """
        CREATE FUNCTION confab_search_estimate(p_words tsquery) RETURNS numeric LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_plan json;
        BEGIN
            EXECUTE format('EXPLAIN (FORMAT JSON) SELECT 1 FROM search_entries WHERE words @@ %L::tsquery', p_words)
            INTO v_plan;
            RETURN (v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric;
        END $$
        """

    /// Looks at the entries of some conversations, the newest first, until `p_limit` are found or `p_looks` are looked at: stretch of time by
    /// stretch, which is longer where little was found, and is tried again shorter where more than is left was in it. All with ids from `o_before`
    /// on have been looked at; null: all there are. It always comes on: ids are unique, so a stretch of one id holds one entry.
    /// The planner is kept from plans that begin with more entries than are to be looked at.
    private static let walk = """
        CREATE FUNCTION confab_search_walk(
            p_topics bigint[], p_words tsquery, p_before bigint, p_limit bigint, p_looks bigint,
            OUT o_topics bigint[], OUT o_seqs bigint[], OUT o_ids bigint[], OUT o_before bigint
        ) LANGUAGE plpgsql STABLE SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off
            SET enable_bitmapscan = off AS $$
        DECLARE
            v_left bigint := p_looks;
            v_span bigint := 3600000::bigint << 22;
            v_oldest bigint;
            v_after bigint;
            v_looks bigint;
            v_topics bigint[];
            v_seqs bigint[];
            v_ids bigint[];
        BEGIN
            o_topics := '{}';
            o_seqs := '{}';
            o_ids := '{}';
            SELECT max(x.newest) + 1, min(x.oldest) INTO o_before, v_oldest
            FROM unnest(p_topics) AS t(id) CROSS JOIN LATERAL (SELECT
                (SELECT s.id FROM search_entries s WHERE s.topic_id = t.id AND s.id < p_before
                    ORDER BY s.id DESC LIMIT 1) AS newest,
                (SELECT s.id FROM search_entries s WHERE s.topic_id = t.id ORDER BY s.id LIMIT 1) AS oldest) x;
            WHILE o_before > v_oldest AND v_left > 0 AND cardinality(o_ids) < p_limit LOOP
                v_after := greatest(o_before - v_span, v_oldest);
                SELECT count(*), array_agg(f.topic_id) FILTER (WHERE f.fits), array_agg(f.seq) FILTER (WHERE f.fits),
                    array_agg(f.id) FILTER (WHERE f.fits)
                INTO v_looks, v_topics, v_seqs, v_ids
                FROM (SELECT s.topic_id, s.seq, s.id, s.words @@ p_words AS fits
                    FROM unnest(p_topics) AS t(id)
                    JOIN search_entries s ON s.topic_id = t.id AND s.id >= v_after AND s.id < o_before
                    LIMIT v_left + 1) f;
                IF v_looks > v_left THEN
                    v_span := greatest(v_span / 64, 1);
                    v_left := greatest(v_left / 2, 1);
                    CONTINUE;
                END IF;
                o_topics := o_topics || v_topics;
                o_seqs := o_seqs || v_seqs;
                o_ids := o_ids || v_ids;
                o_before := v_after;
                v_left := v_left - v_looks;
                IF v_looks < p_looks / 16 THEN
                    v_span := least(v_span, 1::bigint << 57) * 8;
                END IF;
            END LOOP;
            IF o_before <= v_oldest THEN
                o_before := NULL;
            END IF;
        END $$
        """

    /// What a user may read that has these words, the newest first; `p_kind` to `p_high` name one conversation, or null. Words that are rare on
    /// the hub are asked for in the index, which finds all there are; others by a walk through the user's own. Where that ends early, a row
    /// has nothing but `o_before`, from which on to search. Rare is what is expected to be no more than `p_looks`.
    private static let page = """
        CREATE FUNCTION confab_search(
            p_user bigint, p_words text, p_kind bigint, p_id bigint, p_low bigint, p_high bigint,
            p_before bigint, p_limit bigint, p_looks bigint
        ) RETURNS TABLE (o_topic bigint, o_seq bigint, o_id bigint, o_before bigint) LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            v_topics bigint[];
            v_words tsquery := p_words::tsquery;
            v_indexed tsquery := v_words;
            v_walk record;
            v_count bigint;
        BEGIN
            IF p_kind IS NULL THEN
                v_topics := ARRAY(
                    SELECT t.id FROM topics t WHERE t.kind = 2 AND t.low = p_user
                    UNION ALL SELECT t.id FROM topics t WHERE t.kind = 2 AND t.high = p_user
                    UNION ALL SELECT m.group_id FROM members m WHERE m.user_id = p_user);
            ELSE
                v_topics := array_remove(ARRAY[confab_readable(p_user, p_kind, p_id, p_low, p_high)], NULL);
                v_indexed := v_words && ('''#' || v_topics[1] || '''')::tsquery;
            END IF;
            IF cardinality(v_topics) = 0 THEN
                RETURN;
            END IF;
            IF confab_search_estimate(v_indexed) <= p_looks THEN
                RETURN QUERY
                WITH found AS MATERIALIZED (
                    SELECT s.topic_id, s.seq, s.id FROM search_entries s WHERE s.id < p_before AND s.words @@ v_indexed)
                SELECT f.topic_id, f.seq, f.id, NULL::bigint FROM found f JOIN unnest(v_topics) AS t(id) ON t.id = f.topic_id
                WHERE NOT EXISTS (SELECT 1 FROM message_deletions d WHERE d.topic_id = f.topic_id AND d.target_seq = f.seq)
                ORDER BY f.id DESC LIMIT p_limit;
                RETURN;
            END IF;
            SELECT * INTO v_walk FROM confab_search_walk(v_topics, v_words, p_before, p_limit, p_looks);
            RETURN QUERY
            SELECT f.topic_id, f.seq, f.id, NULL::bigint
            FROM unnest(v_walk.o_topics, v_walk.o_seqs, v_walk.o_ids) AS f(topic_id, seq, id)
            WHERE NOT EXISTS (SELECT 1 FROM message_deletions d WHERE d.topic_id = f.topic_id AND d.target_seq = f.seq)
            ORDER BY f.id DESC LIMIT p_limit;
            GET DIAGNOSTICS v_count = ROW_COUNT;
            IF v_count < p_limit AND v_walk.o_before IS NOT NULL THEN
                o_before := v_walk.o_before;
                RETURN NEXT;
            END IF;
        END $$
        """
}
