-- Where a message stands in its trace when it has come in: the relay goes on from there, so that one trace is the
-- message's whole way, from its door to the kitchen.

ALTER TABLE messages ADD COLUMN traceparent text;

COMMENT ON COLUMN messages.traceparent IS 'W3C trace context of its door''s span; null for doors that make none: the relay begins the trace.';
