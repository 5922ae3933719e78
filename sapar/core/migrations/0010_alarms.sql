-- Alarms of the control room and what people did about them; emergencies.

-- Whoever changes these lists, by whatever way, tells the desks; the engines read rules and
-- emergencies again when they are told on their own channel.
CREATE FUNCTION tell_alarm_desk() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    agency text := coalesce(NEW.agency_id, OLD.agency_id);
BEGIN
    PERFORM pg_notify('sapar_desk', agency || ' ' || TG_ARGV[0]);
    IF TG_ARGV[0] <> 'alarms' OR TG_TABLE_NAME = 'alarm_rule' THEN
        PERFORM pg_notify('sapar_dispatch', agency);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION keep_alarm_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE integrity_constraint_violation USING MESSAGE = 'what became of an alarm is only added to';
END
$$;

-- An alarm from its raising to its end; one open alarm a key.
CREATE TABLE alarm (
    agency_id  text NOT NULL REFERENCES agency,
    alarm_no   bigint GENERATED ALWAYS AS IDENTITY,
    key        text NOT NULL CHECK (key <> ''),
    kind       text NOT NULL CHECK (kind ~ '^[a-z_]+$'),
    priority   smallint NOT NULL CHECK (priority BETWEEN 1 AND 3),
    vehicle_id text,
    route_id   text,
    trip_id    text,
    stop_id    text,
    -- as it was when it was raised
    details    jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object'),
    since      timestamptz NOT NULL,  -- of the condition
    raised_at  timestamptz NOT NULL,
    cleared_at timestamptz,
    PRIMARY KEY (agency_id, alarm_no),
    CHECK (cleared_at >= raised_at)
);
CREATE UNIQUE INDEX alarm_open ON alarm (agency_id, key) WHERE cleared_at IS NULL;
CREATE INDEX alarm_raised ON alarm (agency_id, raised_at);

CREATE FUNCTION keep_alarm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.cleared_at IS NOT NULL
       OR (to_jsonb(NEW) - 'cleared_at') <> (to_jsonb(OLD) - 'cleared_at')
    THEN
        RAISE integrity_constraint_violation
            USING MESSAGE = 'an alarm is cleared once and not changed otherwise';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER alarm_kept BEFORE UPDATE ON alarm FOR EACH ROW EXECUTE FUNCTION keep_alarm();
CREATE TRIGGER alarm_told AFTER INSERT OR UPDATE ON alarm
    FOR EACH ROW EXECUTE FUNCTION tell_alarm_desk('alarms');

-- Its life, step by step; a step that was undone counts no more.
CREATE TABLE alarm_step (
    agency_id text NOT NULL,
    step_no   bigint GENERATED ALWAYS AS IDENTITY,
    alarm_no  bigint NOT NULL,
    what      text NOT NULL CHECK (what IN ('raised', 'cleared', 'acknowledged', 'shelved',
                                            'taken_over', 'undone')),
    at        timestamptz NOT NULL,
    person    text NOT NULL CHECK (person <> ''),  -- the engine too is named here
    until     timestamptz,
    undoes    bigint,
    reason    text NOT NULL DEFAULT '',
    PRIMARY KEY (agency_id, step_no),
    FOREIGN KEY (agency_id, alarm_no) REFERENCES alarm,
    FOREIGN KEY (agency_id, undoes) REFERENCES alarm_step,
    CHECK ((what = 'shelved') = (until IS NOT NULL)),
    CHECK ((what = 'undone') = (undoes IS NOT NULL))
);
CREATE INDEX alarm_step_of ON alarm_step (agency_id, alarm_no, step_no);
CREATE UNIQUE INDEX alarm_step_undone ON alarm_step (agency_id, undoes) WHERE undoes IS NOT NULL;
CREATE TRIGGER alarm_step_kept BEFORE UPDATE OR DELETE ON alarm_step
    FOR EACH ROW EXECUTE FUNCTION keep_alarm_record();
CREATE TRIGGER alarm_step_told AFTER INSERT ON alarm_step
    FOR EACH ROW WHEN (NEW.what NOT IN ('raised', 'cleared'))
    EXECUTE FUNCTION tell_alarm_desk('alarms');

-- Where an alarm stands now.
CREATE VIEW alarm_state AS
SELECT a.*, acked.at AS acknowledged_at, acked.person AS acknowledged_by,
       shelved.until AS shelved_until, shelved.person AS shelved_by,
       taken.person AS owner, taken.at AS taken_at
FROM alarm AS a
LEFT JOIN LATERAL (
    SELECT at, person FROM alarm_step AS s
    WHERE s.agency_id = a.agency_id AND s.alarm_no = a.alarm_no AND what = 'acknowledged'
      AND NOT EXISTS (SELECT FROM alarm_step AS u
                      WHERE u.agency_id = s.agency_id AND u.undoes = s.step_no)
    ORDER BY step_no DESC LIMIT 1
) AS acked ON true
LEFT JOIN LATERAL (
    SELECT until, person FROM alarm_step AS s
    WHERE s.agency_id = a.agency_id AND s.alarm_no = a.alarm_no AND what = 'shelved'
      AND NOT EXISTS (SELECT FROM alarm_step AS u
                      WHERE u.agency_id = s.agency_id AND u.undoes = s.step_no)
    ORDER BY step_no DESC LIMIT 1
) AS shelved ON true
LEFT JOIN LATERAL (
    SELECT at, person FROM alarm_step AS s
    WHERE s.agency_id = a.agency_id AND s.alarm_no = a.alarm_no AND what = 'taken_over'
      AND NOT EXISTS (SELECT FROM alarm_step AS u
                      WHERE u.agency_id = s.agency_id AND u.undoes = s.step_no)
    ORDER BY step_no DESC LIMIT 1
) AS taken ON true;

-- Rules that differ from the deployment's; '' is for all routes.
CREATE TABLE alarm_rule (
    agency_id   text NOT NULL REFERENCES agency,
    kind        text NOT NULL CHECK (kind ~ '^[a-z_]+$'),
    route_id    text NOT NULL DEFAULT '',
    raise_at    double precision NOT NULL CHECK (raise_at BETWEEN 0 AND 86400),
    clear_at    double precision NOT NULL CHECK (clear_at BETWEEN 0 AND 86400),
    on_delay_s  double precision NOT NULL CHECK (on_delay_s BETWEEN 0 AND 86400),
    off_delay_s double precision NOT NULL CHECK (off_delay_s BETWEEN 0 AND 86400),
    priority    smallint NOT NULL CHECK (priority BETWEEN 1 AND 3),
    enabled     boolean NOT NULL,
    PRIMARY KEY (agency_id, kind, route_id)
);
CREATE TRIGGER alarm_rule_told AFTER INSERT OR UPDATE OR DELETE ON alarm_rule
    FOR EACH ROW EXECUTE FUNCTION tell_alarm_desk('alarms');

-- A driver pressed the panic button. One open emergency a vehicle: pressing again is counted.
CREATE TABLE emergency (
    agency_id       text NOT NULL REFERENCES agency,
    emergency_no    bigint GENERATED ALWAYS AS IDENTITY,
    vehicle_id      text NOT NULL CHECK (vehicle_id <> ''),
    device_no       int NOT NULL REFERENCES device,
    at              timestamptz NOT NULL,  -- by the device's clock
    received_at     timestamptz NOT NULL,
    presses         int NOT NULL DEFAULT 1 CHECK (presses > 0),
    last_at         timestamptz NOT NULL,
    latitude        double precision,
    longitude       double precision,
    driver_id       text,
    route_id        text,
    trip_id         text,
    data            jsonb,
    acknowledged_at timestamptz,
    acknowledged_by text CHECK (acknowledged_by <> ''),
    closed_at       timestamptz,
    closed_by       text CHECK (closed_by <> ''),
    close_reason    text NOT NULL DEFAULT '',
    -- the post to the other centre, by the wall clock
    tries           int NOT NULL DEFAULT 0,
    next_try_at     timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz,
    last_error      text NOT NULL DEFAULT '',
    PRIMARY KEY (agency_id, emergency_no),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE UNIQUE INDEX emergency_open ON emergency (agency_id, vehicle_id) WHERE closed_at IS NULL;
CREATE INDEX emergency_post ON emergency (next_try_at)
    WHERE delivered_at IS NULL AND acknowledged_at IS NULL AND closed_at IS NULL;
CREATE TRIGGER emergency_told AFTER INSERT OR UPDATE OF presses, acknowledged_at, closed_at,
    delivered_at, last_error ON emergency
    FOR EACH ROW EXECUTE FUNCTION tell_alarm_desk('emergency');

-- In the transaction that stores the event: who is stored as pressed rings. A press long after the
-- last one is another emergency, not one more press of one that somebody has answered already: the
-- answered one ends, and what was said about its alarm holds no more.
CREATE FUNCTION ring_emergency() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended record;
BEGIN
    UPDATE emergency AS e
    SET closed_at = NEW.received_at, closed_by = 'engine', close_reason = 'pressed again',
        acknowledged_at = coalesce(e.acknowledged_at, NEW.received_at),
        acknowledged_by = coalesce(e.acknowledged_by, 'engine')
    FROM device AS d
    LEFT JOIN mounting AS m ON m.device_no = d.device_no AND m.mounted @> NEW.time
    WHERE d.device_no = NEW.device_no AND e.agency_id = d.agency_id
      AND e.vehicle_id = coalesce(m.vehicle_id, d.device_id) AND e.closed_at IS NULL
      AND (e.acknowledged_at IS NOT NULL OR e.delivered_at IS NOT NULL)
      AND NEW.time > e.last_at + interval '5 minutes'
    RETURNING e.agency_id, e.emergency_no, e.vehicle_id INTO ended;
    IF FOUND THEN
        INSERT INTO audit_log (at, person, agency_id, action, target, after, reason)
        VALUES (NEW.received_at, 'engine', ended.agency_id, 'emergency.close',
                'emergency ' || ended.emergency_no,
                jsonb_build_object('vehicle_id', ended.vehicle_id), 'pressed again');
        INSERT INTO alarm_step (agency_id, alarm_no, what, at, person, undoes, reason)
        SELECT s.agency_id, s.alarm_no, 'undone', NEW.received_at, 'engine', s.step_no,
               'pressed again'
        FROM alarm AS a JOIN alarm_step AS s USING (agency_id, alarm_no)
        WHERE a.agency_id = ended.agency_id AND a.key = 'panic:' || ended.vehicle_id
          AND a.cleared_at IS NULL AND s.what IN ('acknowledged', 'shelved', 'taken_over')
        ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO emergency AS open (agency_id, vehicle_id, device_no, at, received_at, last_at,
                                   latitude, longitude, driver_id, route_id, trip_id, data)
    SELECT d.agency_id, coalesce(m.vehicle_id, d.device_id), d.device_no, NEW.time,
           NEW.received_at, NEW.time, coalesce(NEW.latitude, l.latitude),
           coalesce(NEW.longitude, l.longitude),
           coalesce(s.driver_id, f.driver_id), l.route_id, l.trip_id, NEW.data
    FROM device AS d
    LEFT JOIN mounting AS m ON m.device_no = d.device_no AND m.mounted @> NEW.time
    LEFT JOIN vehicle_latest AS l ON l.agency_id = d.agency_id
        AND l.vehicle_id = coalesce(m.vehicle_id, d.device_id)
    LEFT JOIN LATERAL (
        SELECT CASE action WHEN 'sign_on' THEN shift.driver_id END AS driver_id FROM shift
        WHERE shift.device_no = d.device_no AND shift.time <= NEW.time
          AND shift.time > NEW.time - interval '24 hours'
        ORDER BY shift.time DESC LIMIT 1
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT fix.driver_id FROM fix
        WHERE fix.device_no = d.device_no AND fix.time <= NEW.time
          AND fix.time > NEW.time - interval '10 minutes'
        ORDER BY fix.time DESC LIMIT 1
    ) AS f ON true
    WHERE d.device_no = NEW.device_no
    LIMIT 1
    ON CONFLICT (agency_id, vehicle_id) WHERE closed_at IS NULL DO UPDATE
    SET presses = open.presses + 1, last_at = greatest(open.last_at, excluded.last_at),
        latitude = coalesce(excluded.latitude, open.latitude),
        longitude = coalesce(excluded.longitude, open.longitude);
    RETURN NULL;
END
$$;
CREATE TRIGGER event_rings AFTER INSERT ON event
    FOR EACH ROW WHEN (NEW.kind = 'panic') EXECUTE FUNCTION ring_emergency();
