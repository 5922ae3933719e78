-- Arrival predictions held against what happened, day by day.

-- What was published about one run at one moment; of some vehicles only, dropped soon after scoring.
CREATE TABLE eta_sample (
    agency_id    text NOT NULL REFERENCES agency,
    service_date date NOT NULL,
    sampled_at   timestamptz NOT NULL,
    vehicle_id   text NOT NULL,
    trip_id      text NOT NULL,
    start_s      int NOT NULL,        -- of the run, seconds of the service day
    route_id     text NOT NULL,
    stop_id      text[] NOT NULL,     -- stops ahead, the first of the run excepted
    -- seconds after sampled_at: published, median, 10 % and 90 % bounds
    arrival_s    smallint[] NOT NULL,
    median_s     smallint[] NOT NULL,
    low_s        smallint[] NOT NULL,
    high_s       smallint[] NOT NULL,
    PRIMARY KEY (agency_id, service_date, sampled_at, vehicle_id, trip_id, start_s),
    CHECK (cardinality(stop_id) = cardinality(arrival_s)
           AND cardinality(stop_id) = cardinality(median_s)
           AND cardinality(stop_id) = cardinality(low_s)
           AND cardinality(stop_id) = cardinality(high_s))
);

-- One row a route and horizon; the shares are accurate / (scored + never_came) and covered / due.
CREATE TABLE eta_score (
    agency_id     text NOT NULL REFERENCES agency,
    service_date  date NOT NULL,
    route_id      text NOT NULL,      -- empty: all routes together
    from_min      smallint NOT NULL,  -- minutes until the bus came
    until_min     smallint NOT NULL,
    scored        int NOT NULL,       -- predictions whose bus came
    never_came    int NOT NULL,
    accurate      int NOT NULL,
    mae_s         double precision NOT NULL,
    bias_s        double precision NOT NULL,  -- actual less published
    median_mae_s  double precision NOT NULL,  -- of the medians
    within_bounds int NOT NULL,       -- arrivals between the 10 % and 90 % bounds
    due           int NOT NULL,       -- arrivals that could have been waited for
    covered       int NOT NULL,       -- those that had been predicted about so long before
    PRIMARY KEY (agency_id, service_date, route_id, from_min),
    CHECK (from_min < until_min AND accurate <= scored AND within_bounds <= scored
           AND covered <= due)
);
