-- What happens once a day, and other people's data: customers' words are kept for so long and no longer.

ALTER TABLE messages ADD COLUMN anonymised_at timestamptz;
ALTER TABLE enquiries ADD COLUMN not_on_menu jsonb NOT NULL DEFAULT '[]';

CREATE TABLE daily_exports (
    day        date        NOT NULL CONSTRAINT daily_exports_pkey PRIMARY KEY,
    file       text        NOT NULL,
    orders     bigint      NOT NULL CONSTRAINT daily_exports_orders_not_negative CHECK (orders >= 0),
    written_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN messages.anonymised_at IS 'Since when nothing of the customer is in this row and those that came of it.';
COMMENT ON COLUMN enquiries.not_on_menu IS 'What was ordered and is not on the menu, in the customer''s words: a list of texts, empty where nothing was ordered.';
COMMENT ON TABLE daily_exports IS 'The days whose orders were written to a file by themselves.';

-- Wishes by the names that the menu has for them; those in a customer's own words go.
CREATE FUNCTION known_wishes(modifiers jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(wish ORDER BY place), '[]')
    FROM jsonb_array_elements(coalesce(modifiers, '[]')) WITH ORDINALITY AS each (wish, place)
    WHERE wish ->> 'op' <> 'note' AND EXISTS (SELECT FROM menu_options o WHERE o.name = wish ->> 'name')
$$;

-- The lines of a review with what was counted, chosen and paid, without what the customer said.
CREATE FUNCTION without_words(lines jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg((line - 'doubts') || jsonb_build_object('phrase', '(anonymised)', 'reason', '(anonymised)',
                                                'modifiers', known_wishes(line -> 'modifiers')) ORDER BY place), '[]')
    FROM jsonb_array_elements(lines) WITH ORDINALITY AS each (line, place)
$$;

-- Makes messages, and all that came of them, nobody's: words, names and ids of customers go, figures stay. A message that
-- came to nothing is given up, since nothing is left of it that could be read. With the rights of the tables' owner, so
-- that who may do this may change nothing else of these columns.
CREATE FUNCTION anonymise(ids bigint[]) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    done bigint;
BEGIN
    UPDATE messages SET text = '(anonymised)', customer = NULL, external_id = NULL, anonymised_at = now(),
        outcome = coalesce(outcome, 'discarded'), outcome_at = coalesce(outcome_at, now()),
        rejected_reason = CASE WHEN outcome IS NULL THEN 'anonymised before anything came of it' ELSE rejected_reason END
        WHERE id = ANY(ids) AND anonymised_at IS NULL;
    GET DIAGNOSTICS done = ROW_COUNT;
    UPDATE orders SET customer = NULL, reason = '(anonymised)' WHERE message_id = ANY(ids);
    UPDATE order_items i SET phrase = '(anonymised)', modifiers = known_wishes(i.modifiers)
        FROM orders o WHERE o.id = i.order_id AND o.message_id = ANY(ids);
    UPDATE order_steps SET why = '(anonymised)' WHERE message_id = ANY(ids) AND why IS NOT NULL;
    UPDATE reviews SET reason = '(anonymised)', lines = without_words(lines), decided_lines = without_words(decided_lines)
        WHERE message_id = ANY(ids) AND decision IS NOT NULL;
    UPDATE reviews SET reason = '(anonymised)', lines = without_words(lines)
        WHERE message_id = ANY(ids) AND decision IS NULL;
    UPDATE enquiries SET reason = '(anonymised)', proposed_reply = NULL,
        not_on_menu = (SELECT coalesce(jsonb_agg('(anonymised)'::text), '[]') FROM jsonb_array_elements(not_on_menu))
        WHERE message_id = ANY(ids);
    RETURN done;
END
$$;

REVOKE ALL ON FUNCTION anonymise(bigint[]) FROM PUBLIC;
