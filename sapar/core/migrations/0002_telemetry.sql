-- What devices sent: positions and events as received, the latest state, and what was refused.
-- A record's identity is (device, epoch, seq) with the device time as sent; the content digest is
-- part of the key so that the same identity with other content keeps both rows.

CREATE TABLE fix (
    device_no       int NOT NULL,
    time            timestamptz NOT NULL,
    epoch           bigint NOT NULL,
    seq             bigint NOT NULL,
    digest          bigint NOT NULL,
    latitude        double precision NOT NULL,
    longitude       double precision NOT NULL,
    speed_mps       double precision,
    bearing_deg     double precision,
    odometer_m      double precision,
    accuracy_m      double precision,
    satellites      smallint,
    trip_id         text,
    route_id        text,
    block_id        text,
    driver_id       text,
    doors_open      boolean,
    ignition        boolean,
    occupancy_count smallint,
    received_at     timestamptz NOT NULL,
    PRIMARY KEY (device_no, time, epoch, seq, digest)
);
SELECT create_hypertable('fix', 'time', chunk_time_interval => interval '1 day',
                         create_default_indexes => false);

CREATE TABLE event (
    device_no   int NOT NULL,
    time        timestamptz NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    digest      bigint NOT NULL,
    kind        text NOT NULL,
    latitude    double precision,
    longitude   double precision,
    data        jsonb,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_no, time, epoch, seq, digest)
);
SELECT create_hypertable('event', 'time', chunk_time_interval => interval '1 day',
                         create_default_indexes => false);

CREATE TABLE shift (
    device_no   int NOT NULL,
    time        timestamptz NOT NULL,
    epoch       bigint NOT NULL,
    seq         bigint NOT NULL,
    digest      bigint NOT NULL,
    action      text NOT NULL CHECK (action IN ('sign_on', 'sign_off')),
    driver_id   text NOT NULL,
    trip_id     text,
    route_id    text,
    block_id    text,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_no, time, epoch, seq, digest)
);
SELECT create_hypertable('shift', 'time', chunk_time_interval => interval '1 day',
                         create_default_indexes => false);

-- The same (device, epoch, seq) with other content: a conflict for a person to look at.
CREATE VIEW fix_conflict AS
SELECT device_no, epoch, seq, count(*) AS versions, min(time) AS first_time, max(time) AS last_time
FROM fix GROUP BY device_no, epoch, seq HAVING count(*) > 1;

-- Derived from fix, written at most once a second: what a part that starts anew warms up from.
CREATE TABLE vehicle_latest (
    agency_id   text NOT NULL REFERENCES agency,
    vehicle_id  text NOT NULL,
    device_no   int NOT NULL REFERENCES device,
    time        timestamptz NOT NULL,
    latitude    double precision NOT NULL,
    longitude   double precision NOT NULL,
    speed_mps   double precision,
    bearing_deg double precision,
    trip_id     text,
    route_id    text,
    block_id    text,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (agency_id, vehicle_id)
) WITH (fillfactor = 50);

CREATE TABLE device_status (
    device_no   int PRIMARY KEY REFERENCES device,
    online      boolean NOT NULL,
    status      jsonb NOT NULL,
    received_at timestamptz NOT NULL
);

-- Bad input is evidence: one row per distinct content, repeats are counted.
CREATE TABLE dead_letter (
    digest            bytea PRIMARY KEY,
    agency_id         text,
    device_id         text,
    topic             text NOT NULL,
    payload           bytea NOT NULL,
    code              text NOT NULL,
    detail            text NOT NULL,
    times             bigint NOT NULL DEFAULT 1,
    first_received_at timestamptz NOT NULL,
    last_received_at  timestamptz NOT NULL
);
CREATE INDEX dead_letter_code ON dead_letter (code, last_received_at);
CREATE INDEX dead_letter_received ON dead_letter (last_received_at);
