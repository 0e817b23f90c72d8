-- One PostgreSQL role a service, with the tables and columns that it needs and no more.
--
-- Applied by `greenbite provision`, after the migrations, as the tables' owner. It can be applied again at any
-- time: whatever the roles could do before is taken from them first. Passwords are set elsewhere; without one,
-- a role cannot log in by password.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['greenbite_ingest', 'greenbite_classifier', 'greenbite_extractor',
                                'greenbite_menu_validator', 'greenbite_registrar', 'greenbite_answerer',
                                'greenbite_notifier', 'greenbite_replier', 'greenbite_dashboard',
                                'greenbite_operator'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- It is there, or another database of this server makes it at this moment.
        END;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', role);
        EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM %I', role);
    END LOOP;
END
$$;

-- Takes messages in, relays them and the kitchen's steps, refuses what the line cannot carry, publishes again what got lost.
GRANT SELECT, INSERT ON messages TO greenbite_ingest;
GRANT UPDATE (generation, published_at, rejected_reason, outcome, outcome_at) ON messages TO greenbite_ingest;
GRANT SELECT (message_id, category, state) ON notifications TO greenbite_ingest;
GRANT SELECT (message_id, decided_at) ON reviews TO greenbite_ingest;
GRANT SELECT ON order_steps TO greenbite_ingest;
GRANT UPDATE (published_at) ON order_steps TO greenbite_ingest;
GRANT SELECT, INSERT, UPDATE ON watched_files TO greenbite_ingest;
-- Once a day it writes the orders to a file, and makes messages nobody's that were kept long enough.
GRANT SELECT ON orders, order_items TO greenbite_ingest;
GRANT SELECT, INSERT ON daily_exports TO greenbite_ingest;
GRANT EXECUTE ON FUNCTION anonymise(bigint[]) TO greenbite_ingest;

-- Read the menu where the cache does not have it.
GRANT SELECT ON menu_version, menu_items, menu_options
    TO greenbite_classifier, greenbite_extractor, greenbite_menu_validator, greenbite_answerer;
GRANT SELECT ON sold_out TO greenbite_menu_validator, greenbite_answerer;

-- Registers. What customers wrote comes by the event: the column `text` stays closed, as do the notifications.
-- Who sent it, and when: for the limits of orders a minute.
GRANT SELECT (id, outcome, outcome_at, customer, received_at) ON messages TO greenbite_registrar;
GRANT UPDATE (outcome, outcome_at) ON messages TO greenbite_registrar;
GRANT SELECT, INSERT ON orders, order_items, reviews, enquiries TO greenbite_registrar;
GRANT UPDATE (decision, decided_by, decided_at, decided_lines) ON reviews TO greenbite_registrar;

-- Proposes answers: by what the house knows, and how far a customer's order is. What customers wrote comes by the event.
GRANT SELECT ON knowledge TO greenbite_answerer;
GRANT SELECT (id, outcome, customer, received_at) ON messages TO greenbite_answerer;
GRANT SELECT (id, message_id, state) ON orders TO greenbite_answerer;
GRANT SELECT, INSERT ON proposals TO greenbite_answerer;

-- Claims and marks notifications, and looks for the answer that is proposed; everything else comes by the event.
GRANT SELECT ON proposals TO greenbite_notifier;
GRANT SELECT, INSERT ON notifications TO greenbite_notifier;
GRANT UPDATE (state, claimed_at, attempts, possible_repeat, sent_at, channel, discord_message_id)
    ON notifications TO greenbite_notifier;

-- Says by which channels customers are answered, and answers; what it tells of it reads, and Telegram's messages it takes in.
-- The rows themselves are written by whoever takes the step, with the rights of a trigger.
GRANT SELECT, INSERT, UPDATE, DELETE ON reply_channels TO greenbite_replier;
GRANT SELECT ON replies, orders, order_items, order_steps, enquiries, answers TO greenbite_replier;
GRANT UPDATE (due_at, attempts, sending, trouble, outcome, finished_at) ON replies TO greenbite_replier;
GRANT SELECT, INSERT ON messages TO greenbite_replier;

-- Shows everything, takes messages in, notes a person's decisions and the kitchen's steps, replays and discards dead letters, runs the
-- simulation, and clears a class's data. It neither registers nor announces, and the menu is not its to change.
GRANT SELECT ON messages, menu_version, menu_items, menu_options, orders, order_items, order_steps, reviews,
    enquiries, proposals, answers, knowledge, notifications, simulations, replies TO greenbite_dashboard;
GRANT INSERT ON answers, knowledge TO greenbite_dashboard;
GRANT UPDATE (questions, approved_by, draft) ON knowledge TO greenbite_dashboard;
GRANT INSERT ON messages TO greenbite_dashboard;
GRANT UPDATE (generation, published_at, rejected_reason, outcome, outcome_at) ON messages TO greenbite_dashboard;
GRANT UPDATE (decision, decided_by, decided_at, decided_lines) ON reviews TO greenbite_dashboard;
GRANT UPDATE (state) ON orders TO greenbite_dashboard;
GRANT INSERT ON order_steps TO greenbite_dashboard;
GRANT INSERT, UPDATE ON simulations TO greenbite_dashboard;
GRANT DELETE ON notifications, order_steps, order_items, orders, reviews, answers, proposals, enquiries, messages,
    simulations, knowledge TO greenbite_dashboard;

-- The operator's command: imports the menu and what the house knows, replays, discards, exports, takes an order's
-- steps, forgets a customer. Registers and announces nothing.
GRANT SELECT ON messages, menu_version, menu_items, menu_options, orders, order_items, order_steps, reviews,
    enquiries, proposals, answers, notifications, simulations, watched_files, knowledge, replies TO greenbite_operator;
GRANT INSERT ON messages TO greenbite_operator;
GRANT UPDATE (generation, published_at, rejected_reason, outcome, outcome_at) ON messages TO greenbite_operator;
GRANT INSERT, UPDATE, DELETE ON menu_version, menu_items, menu_options, knowledge TO greenbite_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON sold_out TO greenbite_operator;
GRANT UPDATE (state) ON orders TO greenbite_operator;
GRANT INSERT ON order_steps TO greenbite_operator;
GRANT INSERT, UPDATE ON simulations TO greenbite_operator;
-- `greenbite reply again`
GRANT UPDATE (created_at, due_at, trouble, outcome, finished_at) ON replies TO greenbite_operator;
GRANT SELECT ON daily_exports TO greenbite_operator;
GRANT EXECUTE ON FUNCTION anonymise(bigint[]) TO greenbite_operator; -- `greenbite customer forget`
