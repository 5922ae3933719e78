-- Messages to drivers, what people write for riders version by version, and notices to the desks.

-- Whoever changes what a desk shows, by whatever way, tells the pages: they fetch that list again.
CREATE FUNCTION tell_desk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sapar_desk', coalesce(NEW.agency_id, OLD.agency_id) || ' ' || TG_ARGV[0]);
    RETURN NULL;
END
$$;

CREATE TRIGGER act_told AFTER INSERT OR UPDATE OR DELETE ON dispatch_act
    FOR EACH ROW EXECUTE FUNCTION tell_desk('acts');
CREATE TRIGGER alert_told AFTER INSERT OR UPDATE OR DELETE ON alert
    FOR EACH ROW EXECUTE FUNCTION tell_desk('alerts');

-- Lists of what was decided lately, and of what stood at a moment.
CREATE INDEX dispatch_act_ended ON dispatch_act (agency_id, ended_at) WHERE ended_at IS NOT NULL;

-- Where a rider reads more, by language tag like the other texts.
ALTER TABLE alert ADD COLUMN url jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(url) = 'object');
-- Number of what people wrote; 0: it was put there by other means.
ALTER TABLE alert ADD COLUMN revision int NOT NULL DEFAULT 0 CHECK (revision >= 0);

-- What people wrote: never changed. An undone revision is followed by one like that before it.
CREATE TABLE alert_revision (
    agency_id text NOT NULL,
    alert_id  text NOT NULL,
    revision  int NOT NULL CHECK (revision > 0),
    body      jsonb CHECK (jsonb_typeof(body) = 'object'),  -- null: withdrawn
    person    text NOT NULL CHECK (person <> ''),
    at        timestamptz NOT NULL,
    PRIMARY KEY (agency_id, alert_id, revision),
    FOREIGN KEY (agency_id, alert_id) REFERENCES alert
);

CREATE FUNCTION keep_alert_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE integrity_constraint_violation
        USING MESSAGE = 'what was written for riders stays on record';
END
$$;

CREATE TRIGGER alert_revision_kept BEFORE UPDATE OR DELETE ON alert_revision
    FOR EACH ROW EXECUTE FUNCTION keep_alert_revision();

-- Since when a revision is in the feed: written when it was read back there.
CREATE TABLE alert_in_feed (
    agency_id text NOT NULL,
    alert_id  text NOT NULL,
    revision  int NOT NULL,
    since     timestamptz NOT NULL,  -- header timestamp of the feed that had it
    PRIMARY KEY (agency_id, alert_id, revision),
    FOREIGN KEY (agency_id, alert_id, revision) REFERENCES alert_revision
);

-- A message to drivers; never changed once it is written.
CREATE TABLE driver_message (
    message_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id  text NOT NULL REFERENCES agency,
    command_id text NOT NULL UNIQUE CHECK (command_id <> ''),  -- the devices know it by this
    texts      jsonb NOT NULL CHECK (jsonb_typeof(texts) = 'object' AND texts <> '{}'),
    urgent     boolean NOT NULL,
    -- whom it was meant for: {"kind": "vehicles" | "route" | "all", …}
    target     jsonb NOT NULL CHECK (jsonb_typeof(target) = 'object'),
    author     text NOT NULL CHECK (author <> ''),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK (expires_at > created_at)
);
CREATE INDEX driver_message_agency ON driver_message (agency_id, message_no);

-- What became of it on each bus; the rows that are open are the queue of the publishers.
CREATE TABLE driver_message_recipient (
    message_no   bigint NOT NULL REFERENCES driver_message,
    agency_id    text NOT NULL REFERENCES agency,
    vehicle_id   text NOT NULL CHECK (vehicle_id <> ''),
    device_no    int REFERENCES device,  -- that it was sent to last
    state        text NOT NULL DEFAULT 'waiting'
                 CHECK (state IN ('waiting', 'sent', 'delivered', 'read', 'failed', 'expired')),
    tries        int NOT NULL DEFAULT 0,
    next_try_at  timestamptz,  -- null: no further try
    sent_at      timestamptz,  -- first
    delivered_at timestamptz,
    read_at      timestamptz,
    ended_at     timestamptz,  -- failed or expired
    failure      text,
    PRIMARY KEY (message_no, vehicle_id),
    CHECK ((next_try_at IS NOT NULL) = (state IN ('waiting', 'sent'))),
    CHECK ((ended_at IS NOT NULL) = (state IN ('failed', 'expired'))),
    CHECK ((failure IS NOT NULL) = (state = 'failed')),
    CHECK (state <> 'read' OR read_at IS NOT NULL)
);
CREATE INDEX driver_message_due ON driver_message_recipient (next_try_at)
    WHERE state IN ('waiting', 'sent');
CREATE INDEX driver_message_open ON driver_message_recipient (device_no)
    WHERE state IN ('waiting', 'sent', 'delivered');
CREATE INDEX driver_message_vehicle ON driver_message_recipient (agency_id, vehicle_id, message_no);

CREATE TRIGGER message_told AFTER INSERT OR UPDATE ON driver_message_recipient
    FOR EACH ROW EXECUTE FUNCTION tell_desk('messages');

-- Publishers do not wait to look: a message was written, a device answered, a device came back.
CREATE FUNCTION tell_publishers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sapar_messages',
                      concat_ws(' ', TG_ARGV[0], to_jsonb(NEW) ->> 'device_no'));
    RETURN NULL;
END
$$;

CREATE TRIGGER message_written AFTER INSERT ON driver_message
    FOR EACH ROW EXECUTE FUNCTION tell_publishers('written');
CREATE TRIGGER command_answered AFTER INSERT ON event
    FOR EACH ROW WHEN (NEW.kind IN ('cmd_result', 'cmd_read'))
    EXECUTE FUNCTION tell_publishers('answer');
CREATE TRIGGER device_there AFTER INSERT ON device_status
    FOR EACH ROW WHEN (NEW.online) EXECUTE FUNCTION tell_publishers('online');
CREATE TRIGGER device_back AFTER UPDATE ON device_status
    FOR EACH ROW WHEN (NEW.online AND NOT OLD.online) EXECUTE FUNCTION tell_publishers('online');

-- Texts that dispatchers send again and again, besides those that the product brings.
CREATE TABLE driver_text (
    text_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id  text NOT NULL REFERENCES agency,
    texts      jsonb NOT NULL CHECK (jsonb_typeof(texts) = 'object' AND texts <> '{}'),
    author     text NOT NULL CHECK (author <> ''),
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE INDEX driver_text_agency ON driver_text (agency_id) WHERE retired_at IS NULL;

CREATE TRIGGER driver_text_told AFTER INSERT OR UPDATE ON driver_text
    FOR EACH ROW EXECUTE FUNCTION tell_desk('messages');
