-- Timetables: every imported version of every agency, one of them active.
-- The zip is the truth: the engine builds its timetable from it. The tables beside it are for SQL
-- (proof of runs, settlement, reports) and are written in the same transaction.

CREATE TABLE gtfs_version (
    agency_id    text NOT NULL REFERENCES agency,
    version_no   int NOT NULL CHECK (version_no > 0),
    feed_version text NOT NULL,
    digest       text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),  -- SHA-256 of the zip
    zip          bytea NOT NULL,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    active       boolean NOT NULL DEFAULT false,
    summary      jsonb NOT NULL,   -- counts and the range of service dates
    warnings     jsonb NOT NULL,   -- findings by code, with first examples
    PRIMARY KEY (agency_id, version_no),
    UNIQUE (agency_id, digest)
);

-- a zip is compressed already: do not try again
ALTER TABLE gtfs_version ALTER COLUMN zip SET STORAGE EXTERNAL;

CREATE UNIQUE INDEX gtfs_version_active ON gtfs_version (agency_id) WHERE active;

CREATE TABLE gtfs_agency (
    agency_id      text NOT NULL,
    version_no     int NOT NULL,
    gtfs_agency_id text NOT NULL,  -- agency_id of agency.txt, '' where the feed gives none
    name           text NOT NULL,
    timezone       text NOT NULL,
    language       text NOT NULL,
    PRIMARY KEY (agency_id, version_no, gtfs_agency_id),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE
);

CREATE TABLE gtfs_stop (
    agency_id     text NOT NULL,
    version_no    int NOT NULL,
    stop_id       text NOT NULL,
    name          text NOT NULL,
    latitude      double precision,  -- null only where no trip stops
    longitude     double precision,
    location_type smallint NOT NULL,
    PRIMARY KEY (agency_id, version_no, stop_id),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE
);

CREATE TABLE gtfs_route (
    agency_id  text NOT NULL,
    version_no int NOT NULL,
    route_id   text NOT NULL,
    short_name text NOT NULL,
    long_name  text NOT NULL,
    route_type smallint NOT NULL,
    color      text NOT NULL,
    text_color text NOT NULL,
    PRIMARY KEY (agency_id, version_no, route_id),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE
);

-- times are seconds after the start of the service day (noon minus twelve hours)
CREATE TABLE gtfs_trip (
    agency_id  text NOT NULL,
    version_no int NOT NULL,
    trip_id    text NOT NULL,
    route_id   text NOT NULL,
    service_id text NOT NULL,
    direction  smallint,
    block_id   text,
    shape_id   text,
    headsign   text NOT NULL,
    first_s    int NOT NULL,
    last_s     int NOT NULL,
    PRIMARY KEY (agency_id, version_no, trip_id),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE
);

-- one row a trip: a day of a big city is a million stop times, and they are read trip by trip
CREATE TABLE gtfs_stop_time (
    agency_id     text NOT NULL,
    version_no    int NOT NULL,
    trip_id       text NOT NULL,
    stop_sequence int[] NOT NULL,
    stop_id       text[] NOT NULL,
    arrival_s     int[] NOT NULL,
    departure_s   int[] NOT NULL,
    timed         boolean[] NOT NULL,  -- given by the feed, not interpolated
    PRIMARY KEY (agency_id, version_no, trip_id),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE,
    CHECK (cardinality(stop_sequence) = cardinality(stop_id)
           AND cardinality(stop_sequence) = cardinality(arrival_s)
           AND cardinality(stop_sequence) = cardinality(departure_s)
           AND cardinality(stop_sequence) = cardinality(timed))
);

-- the same, one row a stop time
CREATE VIEW gtfs_stop_time_row AS
SELECT st.agency_id, st.version_no, st.trip_id, row.stop_sequence, row.stop_id, row.arrival_s,
       row.departure_s, row.timed
FROM gtfs_stop_time AS st,
     unnest(st.stop_sequence, st.stop_id, st.arrival_s, st.departure_s, st.timed)
         AS row (stop_sequence, stop_id, arrival_s, departure_s, timed);

CREATE TABLE gtfs_calendar (
    agency_id  text NOT NULL,
    version_no int NOT NULL,
    service_id text NOT NULL,
    weekdays   boolean[] NOT NULL CHECK (cardinality(weekdays) = 7),  -- Monday first
    start_date date NOT NULL,
    end_date   date NOT NULL,
    PRIMARY KEY (agency_id, version_no, service_id),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE
);

CREATE TABLE gtfs_calendar_date (
    agency_id    text NOT NULL,
    version_no   int NOT NULL,
    service_id   text NOT NULL,
    service_date date NOT NULL,
    added        boolean NOT NULL,  -- false: the service does not run on this date
    PRIMARY KEY (agency_id, version_no, service_id, service_date),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE
);

-- one row a shape; only shapes that a trip uses
CREATE TABLE gtfs_shape (
    agency_id  text NOT NULL,
    version_no int NOT NULL,
    shape_id   text NOT NULL,
    latitude   double precision[] NOT NULL,
    longitude  double precision[] NOT NULL,
    along_m    double precision[] NOT NULL,  -- metres from the first point
    PRIMARY KEY (agency_id, version_no, shape_id),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE,
    CHECK (cardinality(latitude) = cardinality(longitude)
           AND cardinality(latitude) = cardinality(along_m))
);

CREATE TABLE gtfs_frequency (
    agency_id  text NOT NULL,
    version_no int NOT NULL,
    trip_id    text NOT NULL,
    start_s    int NOT NULL,
    end_s      int NOT NULL,
    headway_s  int NOT NULL CHECK (headway_s > 0),
    exact      boolean NOT NULL,
    PRIMARY KEY (agency_id, version_no, trip_id, start_s),
    FOREIGN KEY (agency_id, version_no) REFERENCES gtfs_version ON DELETE CASCADE
);
