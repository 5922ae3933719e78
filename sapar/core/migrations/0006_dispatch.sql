-- Acts of dispatch, what vehicles take, and lines learnt from the fleet's own traces.

-- An act is never changed: it is undone by being ended, and what was decided stays on record.
CREATE TABLE dispatch_act (
    agency_id  text NOT NULL REFERENCES agency,
    act_no     bigint GENERATED ALWAYS AS IDENTITY,
    kind       text NOT NULL CHECK (kind IN ('cancel', 'skip', 'extra', 'swap', 'detour')),
    -- its content, by kind: see docs/dispatch-acts.md
    body       jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object' AND body ->> 'kind' = kind),
    -- what it is about in time; unbounded where open
    period     tstzrange NOT NULL CHECK (NOT isempty(period)),
    -- name of a GTFS-realtime cause
    cause      text NOT NULL DEFAULT 'OTHER_CAUSE' CHECK (cause ~ '^[A-Z_]+$'),
    author     text NOT NULL CHECK (author <> ''),
    reason     text NOT NULL CHECK (reason <> ''),
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    ended_by   text CHECK (ended_by <> ''),
    PRIMARY KEY (agency_id, act_no),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK (ended_at >= created_at)
);

CREATE INDEX dispatch_act_standing ON dispatch_act (agency_id) WHERE ended_at IS NULL;

CREATE FUNCTION keep_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL
       OR (to_jsonb(NEW) - 'ended_at' - 'ended_by') <> (to_jsonb(OLD) - 'ended_at' - 'ended_by')
    THEN
        RAISE integrity_constraint_violation
            USING MESSAGE = 'an act of dispatch is ended once and not changed otherwise';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER act_kept BEFORE UPDATE ON dispatch_act
    FOR EACH ROW EXECUTE FUNCTION keep_act();

-- Whoever decides, by whatever way, tells the engines, which do not wait to look again.
CREATE FUNCTION notify_dispatch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sapar_dispatch', coalesce(NEW.agency_id, OLD.agency_id));
    RETURN NULL;
END
$$;

CREATE TRIGGER act_decided AFTER INSERT OR UPDATE OR DELETE ON dispatch_act
    FOR EACH ROW EXECUTE FUNCTION notify_dispatch();
CREATE TRIGGER alert_changed AFTER INSERT OR UPDATE OR DELETE ON alert
    FOR EACH ROW EXECUTE FUNCTION notify_dispatch();

-- How many passengers a vehicle takes, seated and standing.
CREATE TABLE vehicle_capacity (
    agency_id  text NOT NULL REFERENCES agency,
    vehicle_id text NOT NULL CHECK (vehicle_id <> ''),
    capacity   int NOT NULL CHECK (capacity > 0),
    PRIMARY KEY (agency_id, vehicle_id)
);

CREATE TRIGGER capacity_changed AFTER INSERT OR UPDATE OR DELETE ON vehicle_capacity
    FOR EACH ROW EXECUTE FUNCTION notify_dispatch();

-- The way from one stop to the next as buses drive it, where the timetable has no shape. Derived
-- from fix, and can be made again.
CREATE TABLE learnt_shape (
    agency_id    text NOT NULL REFERENCES agency,
    from_stop_id text NOT NULL,
    to_stop_id   text NOT NULL,
    latitude     double precision[] NOT NULL,
    longitude    double precision[] NOT NULL,
    passes       int NOT NULL CHECK (passes > 0),
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (agency_id, from_stop_id, to_stop_id),
    CHECK (cardinality(latitude) = cardinality(longitude) AND cardinality(latitude) >= 2)
);
