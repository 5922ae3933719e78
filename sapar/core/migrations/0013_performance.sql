-- What the performance pages are made from: a service day in small tables, derived from stop
-- visits and the timetable by the nightly job, to be made again at will. Counts and observed values
-- are kept, not means, so that days can be put together and percentiles stay true.

-- Punctuality and regularity of a route and direction in one local hour.
CREATE TABLE service_hour (
    agency_id    text NOT NULL REFERENCES agency,
    service_date date NOT NULL,
    route_id     text NOT NULL,
    direction    smallint NOT NULL,          -- 0, 1, or -1 where the timetable has none
    hour         smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    delay_bins   int[] NOT NULL,             -- departures by lateness, see history/performance.py
    ratio_bins   int[] NOT NULL,             -- headways by their share of the planned one
    headway_s    double precision NOT NULL,  -- sum of the headways between departures at a stop, ...
    headway_sq   double precision NOT NULL,  -- ... and of their squares
    plan_s       double precision NOT NULL,  -- the same of the timetable
    plan_sq      double precision NOT NULL,
    PRIMARY KEY (agency_id, service_date, route_id, direction, hour)
);

-- From first departure to last arrival, of runs that began in one local hour.
CREATE TABLE run_time (
    agency_id    text NOT NULL REFERENCES agency,
    service_date date NOT NULL,
    route_id     text NOT NULL,
    direction    smallint NOT NULL,
    hour         smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    planned_s    int[] NOT NULL,  -- aligned: one element a run
    actual_s     int[] NOT NULL,
    PRIMARY KEY (agency_id, service_date, route_id, direction, hour),
    CHECK (cardinality(planned_s) = cardinality(actual_s))
);

-- From departure to arrival between neighbouring stops, of buses that left in one local hour.
CREATE TABLE segment_time (
    agency_id    text NOT NULL,
    service_date date NOT NULL,
    from_stop_id text NOT NULL,
    to_stop_id   text NOT NULL,
    hour         smallint NOT NULL,
    length_m     real NOT NULL,
    seconds      smallint[] NOT NULL,  -- one element a passage, rising
    PRIMARY KEY (agency_id, service_date, from_stop_id, to_stop_id, hour)
);
SELECT create_hypertable('segment_time', 'service_date', chunk_time_interval => interval '7 days',
                         create_default_indexes => false);
