-- History: when which bus was at which stop, travel times learnt from it, and the proof of runs.
-- All of it is derived from fix and a timetable and can be made again, corrections by people aside.

-- Which timetable was in force when: a day is looked at again by the one it ran by.
CREATE TABLE gtfs_activation (
    agency_id    text NOT NULL,
    version_no   int NOT NULL,
    activated_at timestamptz NOT NULL,
    PRIMARY KEY (agency_id, activated_at, version_no),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE
);

INSERT INTO gtfs_activation (agency_id, version_no, activated_at)
SELECT agency_id, version_no, activated_at FROM gtfs_version WHERE activated_at IS NOT NULL;

CREATE FUNCTION note_activation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO gtfs_activation (agency_id, version_no, activated_at)
    VALUES (NEW.agency_id, NEW.version_no, NEW.activated_at)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER activation_noted AFTER INSERT OR UPDATE OF active, activated_at ON gtfs_version
    FOR EACH ROW WHEN (NEW.active AND NEW.activated_at IS NOT NULL)
    EXECUTE FUNCTION note_activation();

-- One row a stop of a run and vehicle. No surrogate keys and no times of receipt: the same fixes
-- give the same rows in whatever order they came.
CREATE TABLE stop_visit (
    agency_id              text NOT NULL,
    service_date           date NOT NULL,
    trip_id                text NOT NULL,
    start_s                int NOT NULL,       -- of the run, seconds of the service day
    stop_sequence          int NOT NULL,
    vehicle_id             text NOT NULL,
    stop_number            int NOT NULL,       -- position on the trip, 0 first: neighbours differ by 1
    stop_id                text NOT NULL,
    route_id               text NOT NULL,
    arrival_at             timestamptz,
    departure_at           timestamptz,
    scheduled_arrival_at   timestamptz NOT NULL,
    scheduled_departure_at timestamptz NOT NULL,
    seen                   boolean NOT NULL,   -- false: between two fixes far apart, a guess
    PRIMARY KEY (agency_id, service_date, trip_id, start_s, stop_sequence, vehicle_id)
);
SELECT create_hypertable('stop_visit', 'service_date', chunk_time_interval => interval '7 days',
                         create_default_indexes => false);

-- What buses take between neighbouring stops, by type of day and hour.
CREATE TABLE travel_time (
    agency_id    text NOT NULL REFERENCES agency,
    from_stop_id text NOT NULL,
    to_stop_id   text NOT NULL,
    day_type     smallint NOT NULL CHECK (day_type BETWEEN 0 AND 2),  -- Mon-Fri, Saturday, Sunday
    hour         smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),     -- local
    weight       double precision NOT NULL CHECK (weight > 0),
    mean_s       double precision NOT NULL CHECK (mean_s > 0),
    last_at      timestamptz NOT NULL,  -- newest observation; the weight is as of then
    PRIMARY KEY (agency_id, from_stop_id, to_stop_id, day_type, hour)
);

-- What is known of each planned run of a day, and of runs that nobody planned.
CREATE TABLE run_proof (
    agency_id      text NOT NULL REFERENCES agency,
    service_date   date NOT NULL,
    trip_id        text NOT NULL,
    start_s        int NOT NULL,
    planned        boolean NOT NULL,  -- false: a headway run beyond the planned number
    route_id       text NOT NULL,
    direction      smallint,
    block_id       text,
    vehicle_ids    text[] NOT NULL,   -- in the order in which they drove
    status         text NOT NULL CHECK (status IN ('done', 'partly', 'not_done')),
    reasons        text[] NOT NULL,
    gps_off        boolean NOT NULL,  -- GPS silent in service
    scheduled_start_at timestamptz NOT NULL,
    scheduled_end_at   timestamptz NOT NULL,
    first_stop_at  timestamptz,       -- departure from the first stop
    last_stop_at   timestamptz,       -- arrival at the last stop
    first_delay_s  double precision,
    last_delay_s   double precision,
    stops_planned  int NOT NULL,
    stops_visited  int NOT NULL,
    stops_guessed  int NOT NULL,      -- of those not visited: times between fixes far apart
    planned_m      double precision NOT NULL,
    driven_m       double precision NOT NULL,
    gap_count      int NOT NULL,
    gap_longest_s  double precision NOT NULL,
    gap_latitude   double precision,  -- last place before the longest gap
    gap_longitude  double precision,
    gap_after_sequence int,           -- the stop before it
    fix_count      int NOT NULL,
    first_fix_at   timestamptz,
    last_fix_at    timestamptz,
    PRIMARY KEY (agency_id, service_date, trip_id, start_s)
);

-- What a person says against a proof; never changed, the newest counts. The proof stays as it is.
CREATE TABLE run_correction (
    agency_id    text NOT NULL REFERENCES agency,
    service_date date NOT NULL,
    trip_id      text NOT NULL,
    start_s      int NOT NULL,
    corrected_at timestamptz NOT NULL,
    status       text NOT NULL CHECK (status IN ('done', 'partly', 'not_done')),
    author       text NOT NULL CHECK (author <> ''),
    reason       text NOT NULL CHECK (reason <> ''),
    PRIMARY KEY (agency_id, service_date, trip_id, start_s, corrected_at)
);

-- Steps of the nightly job that are done, so that it goes on where it was stopped.
CREATE TABLE nightly_step (
    agency_id    text NOT NULL REFERENCES agency,
    service_date date NOT NULL,
    step         text NOT NULL,
    done_at      timestamptz NOT NULL,
    summary      jsonb NOT NULL,
    PRIMARY KEY (agency_id, service_date, step)
);
