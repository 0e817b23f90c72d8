-- What the notifier has claimed and sent: claimed before it is sent, since Discord knows no idempotency key.

CREATE TABLE notifications (
    message_id         bigint      NOT NULL CONSTRAINT notifications_message_exists REFERENCES messages (id),
    category           text        NOT NULL CONSTRAINT notifications_category_known
                       CHECK (category IN ('order', 'review', 'enquiry', 'misc')),
    state              text        NOT NULL DEFAULT 'sending' CONSTRAINT notifications_state_known
                       CHECK (state IN ('sending', 'waiting', 'sent')),
    claimed_at         timestamptz NOT NULL DEFAULT now(),
    attempts           integer     NOT NULL DEFAULT 1,
    possible_repeat    boolean     NOT NULL DEFAULT false,
    sent_at            timestamptz,
    channel            text        CONSTRAINT notifications_channel_known CHECK (channel IN ('discord', 'file')),
    discord_message_id text,
    CONSTRAINT notifications_once UNIQUE (message_id, category),
    CONSTRAINT notifications_sent_whole
        CHECK ((state = 'sent') = (sent_at IS NOT NULL) AND (state = 'sent') = (channel IS NOT NULL))
);

COMMENT ON TABLE notifications IS 'One notification a message and category.';
COMMENT ON COLUMN notifications.state IS 'sending: claimed, it may have gone out. waiting: surely not out, to be tried again. sent: accepted.';
COMMENT ON COLUMN notifications.possible_repeat IS 'It was claimed again while it may have gone out before: what was sent says so.';
