-- What is forgotten is still known for a repetition, and what is on its way or waits for a person is not forgotten.

-- The channel's id of a message that is nobody's: enough to know it again, and nothing that can be read.
CREATE FUNCTION forgotten_id(source text, external_id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'sha256:' || encode(sha256(convert_to(source || ' ' || external_id, 'UTF8')), 'hex')
$$;

COMMENT ON COLUMN messages.external_id IS
    'The sender''s own id: the same id from the same source is the same message. Its digest, once the message is nobody''s.';

-- What is due to be forgotten is asked for once a minute.
CREATE INDEX messages_to_forget ON messages (coalesce(outcome_at, published_at)) WHERE anonymised_at IS NULL;

-- As before, but the channel's id leaves a digest, and a message without an outcome that was published within the last
-- hour is left alone: somebody has just replayed it.
CREATE OR REPLACE FUNCTION anonymise(ids bigint[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    forgotten bigint[];
BEGIN
    WITH done AS (
        UPDATE messages SET text = '(anonymised)', customer = NULL, anonymised_at = now(),
            -- Telegram's is the customer's own number, and Telegram tells nothing twice that was taken in.
            external_id = CASE WHEN source <> 'telegram' AND NOT EXISTS (SELECT FROM messages other
                    WHERE other.source = messages.source
                      AND other.external_id = forgotten_id(messages.source, messages.external_id))
                THEN forgotten_id(source, external_id) END,
            outcome = coalesce(outcome, 'discarded'), outcome_at = coalesce(outcome_at, now()),
            rejected_reason = CASE WHEN outcome IS NULL THEN 'anonymised before anything came of it' ELSE rejected_reason END
            WHERE id = ANY(ids) AND anonymised_at IS NULL
              AND (outcome IS NOT NULL OR published_at < now() - interval '1 hour')
            RETURNING id)
    SELECT coalesce(array_agg(id), '{}') INTO forgotten FROM done;
    UPDATE orders SET customer = NULL, reason = '(anonymised)' WHERE message_id = ANY(forgotten);
    UPDATE order_items i SET phrase = '(anonymised)', modifiers = known_wishes(i.modifiers)
        FROM orders o WHERE o.id = i.order_id AND o.message_id = ANY(forgotten);
    UPDATE order_steps SET why = '(anonymised)' WHERE message_id = ANY(forgotten) AND why IS NOT NULL;
    UPDATE reviews SET reason = '(anonymised)', lines = without_words(lines), decided_lines = without_words(decided_lines)
        WHERE message_id = ANY(forgotten) AND decision IS NOT NULL;
    UPDATE reviews SET reason = '(anonymised)', lines = without_words(lines)
        WHERE message_id = ANY(forgotten) AND decision IS NULL;
    UPDATE enquiries SET reason = '(anonymised)', proposed_reply = NULL,
        not_on_menu = (SELECT coalesce(jsonb_agg('(anonymised)'::text), '[]') FROM jsonb_array_elements(not_on_menu))
        WHERE message_id = ANY(forgotten);
    RETURN cardinality(forgotten);
END
$$;
