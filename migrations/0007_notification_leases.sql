-- A claim holds for as long as a handler may take; after a failure it is given back with what is known.

COMMENT ON COLUMN notifications.state IS 'sending: claimed, by one that is at it, or died. waiting: given back, to be tried again. sent: accepted.';
COMMENT ON COLUMN notifications.possible_repeat IS 'It may have gone out before it was claimed again: what was sent then says so.';
