-- What customers are told: a row for each step of a message's way that concerns its customer, written in the transaction
-- of the step itself, so that it is there if and only if the step is. The replier looks for them and sends them; nobody is
-- notified, since that would serialise the commits of the whole line.

-- By which channels customers are answered, as the replier says while it runs. Where nobody has said so for a while, no
-- rows are written: nobody would send them.
CREATE TABLE reply_channels (
    channel text        NOT NULL CONSTRAINT reply_channels_pkey PRIMARY KEY
            CONSTRAINT reply_channels_known CHECK (channel IN ('telegram', 'webhook')),
    until   timestamptz NOT NULL
);

CREATE TABLE replies (
    id          bigint      GENERATED ALWAYS AS IDENTITY CONSTRAINT replies_pkey PRIMARY KEY,
    message_id  bigint      NOT NULL CONSTRAINT replies_message_exists REFERENCES messages (id) ON DELETE CASCADE,
    step        text        NOT NULL CONSTRAINT replies_step_known
                CHECK (step IN ('accepted', 'asked', 'rejected', 'ready', 'voided')),
    channel     text        NOT NULL CONSTRAINT replies_channel_known CHECK (channel IN ('telegram', 'webhook')),
    customer    text,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts    integer     NOT NULL DEFAULT 0,
    sending     boolean     NOT NULL DEFAULT false,
    trouble     text,
    outcome     text        CONSTRAINT replies_outcome_known
                CHECK (outcome IN ('sent', 'skipped', 'unknown', 'given_up')),
    finished_at timestamptz,
    CONSTRAINT replies_once UNIQUE (message_id, step),
    CONSTRAINT replies_outcome_has_its_time CHECK ((outcome IS NULL) = (finished_at IS NULL))
);

COMMENT ON TABLE reply_channels IS 'By which channels customers are answered, and until when that holds unless it is said again.';
COMMENT ON TABLE replies IS 'What customers are told: one row a message and step, in the order of the steps.';
COMMENT ON COLUMN replies.customer IS 'Whom: as the message has it; null once the message is nobody''s.';
COMMENT ON COLUMN replies.created_at IS 'Since when it is to be told.';
COMMENT ON COLUMN replies.due_at IS 'When it is to be tried; while it is being sent, when whoever sends it must be done or dead.';
COMMENT ON COLUMN replies.sending IS 'Somebody is sending it, or died while he did.';
COMMENT ON COLUMN replies.trouble IS 'Why the last try failed, or why it was not sent at all.';
COMMENT ON COLUMN replies.outcome IS 'sent: taken by the other side. skipped: it was no longer true. unknown: it may have been sent, and a channel that cannot recognise a repeat is not asked twice. given_up: it was not sent.';

-- What is still to be sent, and who has to wait for what: both stay small however large the table grows.
CREATE INDEX replies_due ON replies (channel, due_at) WHERE outcome IS NULL;
CREATE INDEX replies_waiting ON replies (channel, customer, id) WHERE outcome IS NULL;
CREATE INDEX replies_failed ON replies (finished_at) WHERE outcome IN ('unknown', 'given_up');

-- With the rights of the tables' owner: who takes a step needs none on this table. What was skipped since it was no
-- longer true (an order that was recalled) is told when it is true again.
CREATE FUNCTION note_reply() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO replies AS r (message_id, step, channel, customer)
    SELECT m.id, TG_ARGV[0], c.channel, m.customer
    FROM messages m
    JOIN reply_channels c ON c.channel = CASE m.source WHEN 'telegram' THEN 'telegram' ELSE 'webhook' END
    WHERE m.id = NEW.message_id AND m.customer IS NOT NULL AND c.until > now()
    ON CONFLICT ON CONSTRAINT replies_once DO UPDATE
        SET outcome = NULL, finished_at = NULL, trouble = NULL,
            created_at = clock_timestamp(), due_at = clock_timestamp()
        WHERE r.outcome = 'skipped' AND r.step = 'ready';
    RETURN NULL;
END
$$;

CREATE TRIGGER orders_reply AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note_reply('accepted');
CREATE TRIGGER reviews_reply AFTER INSERT ON reviews FOR EACH ROW EXECUTE FUNCTION note_reply('asked');
CREATE TRIGGER enquiries_reply AFTER INSERT ON enquiries FOR EACH ROW
    WHEN (NEW.not_on_menu <> '[]') EXECUTE FUNCTION note_reply('rejected');
CREATE TRIGGER order_steps_reply_ready AFTER INSERT ON order_steps FOR EACH ROW
    WHEN (NEW.state = 'ready') EXECUTE FUNCTION note_reply('ready');
CREATE TRIGGER order_steps_reply_voided AFTER INSERT ON order_steps FOR EACH ROW
    WHEN (NEW.state = 'voided') EXECUTE FUNCTION note_reply('voided');

-- A message that is nobody's any more has nobody to be told.
CREATE FUNCTION forget_replies() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE replies SET customer = NULL, trouble = NULL,
        outcome = coalesce(outcome, 'skipped'), finished_at = coalesce(finished_at, now())
        WHERE message_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER messages_forget_replies AFTER UPDATE OF anonymised_at ON messages FOR EACH ROW
    WHEN (NEW.anonymised_at IS NOT NULL) EXECUTE FUNCTION forget_replies();

-- What the house has instead of what was ordered, as the proposed reply names it.
ALTER TABLE enquiries ADD COLUMN closest text;
COMMENT ON COLUMN enquiries.closest IS 'The item of the menu that is offered instead of what was ordered.';
