-- Agencies (cities), devices, and which device was mounted in which vehicle from when.

CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE agency (
    agency_id     text PRIMARY KEY CHECK (agency_id ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
    name          text NOT NULL,
    timezone      text NOT NULL,
    -- the area a fix must lie in; null until a timetable or a person sets it
    min_latitude  double precision,
    min_longitude double precision,
    max_latitude  double precision,
    max_longitude double precision,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE device (
    device_no     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id     text NOT NULL REFERENCES agency,
    device_id     text NOT NULL CHECK (device_id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'),
    kind          text NOT NULL DEFAULT 'tracker' CHECK (kind IN ('tracker', 'validator')),
    -- in the broker's own format, so that its password file is a plain export
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    revoked_at    timestamptz,
    UNIQUE (agency_id, device_id)
);

CREATE TABLE mounting (
    device_no  int NOT NULL REFERENCES device,
    vehicle_id text NOT NULL CHECK (vehicle_id <> ''),
    mounted    tstzrange NOT NULL CHECK (NOT isempty(mounted)),
    EXCLUDE USING gist (device_no WITH =, mounted WITH &&)
);

CREATE INDEX mounting_vehicle ON mounting (vehicle_id);

-- Whoever changes the registry, by whatever way, tells those who keep a copy of it.
CREATE FUNCTION notify_devices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sapar_devices', '');  -- one notice a transaction, however many rows
    RETURN NULL;
END
$$;

CREATE TRIGGER agency_changed AFTER INSERT OR UPDATE OR DELETE ON agency
    FOR EACH ROW EXECUTE FUNCTION notify_devices();
CREATE TRIGGER device_changed AFTER INSERT OR UPDATE OR DELETE ON device
    FOR EACH ROW EXECUTE FUNCTION notify_devices();
CREATE TRIGGER mounting_changed AFTER INSERT OR UPDATE OR DELETE ON mounting
    FOR EACH ROW EXECUTE FUNCTION notify_devices();

-- What the broker itself refused, read from its log: bounded by the users that the broker knows.
CREATE TABLE broker_refusal (
    reason        text NOT NULL,
    username      text NOT NULL,  -- '' where the broker does not say, or nobody was let in
    times         bigint NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reason, username)
);
