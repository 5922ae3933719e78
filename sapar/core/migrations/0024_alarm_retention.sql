-- How long alarms are kept.

-- What became of an alarm is still only added to, and goes with the alarm: once that has been over
-- for 30 days, by the database's clock, whatever the setting says. No table is rewritten or scanned;
-- the trigger is exchanged under a lock of a moment.
CREATE FUNCTION keep_alarm_until_old() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    young boolean;
BEGIN
    IF TG_TABLE_NAME = 'alarm' THEN
        young := OLD.cleared_at IS NULL OR OLD.cleared_at > now() - interval '30 days';
    ELSE
        SELECT a.cleared_at IS NULL OR a.cleared_at > now() - interval '30 days' INTO young
        FROM alarm AS a WHERE a.agency_id = OLD.agency_id AND a.alarm_no = OLD.alarm_no;
    END IF;
    IF young THEN
        RAISE integrity_constraint_violation
            USING MESSAGE = 'an alarm is kept until it has been over for 30 days';
    END IF;
    RETURN OLD;
END
$$;
DROP TRIGGER alarm_step_kept ON alarm_step;
CREATE TRIGGER alarm_step_kept BEFORE UPDATE ON alarm_step
    FOR EACH ROW EXECUTE FUNCTION keep_alarm_record();
CREATE TRIGGER alarm_step_kept_until_old BEFORE DELETE ON alarm_step
    FOR EACH ROW EXECUTE FUNCTION keep_alarm_until_old();
CREATE TRIGGER alarm_kept_until_old BEFORE DELETE ON alarm
    FOR EACH ROW EXECUTE FUNCTION keep_alarm_until_old();

-- Where vehicles are at home. A timetable knows nothing of it; it comes from the fleet's register.
CREATE TABLE depot (
    agency_id text NOT NULL REFERENCES agency,
    depot_id  text NOT NULL CHECK (depot_id ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$'),
    name      text NOT NULL CHECK (name <> ''),
    latitude  double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    PRIMARY KEY (agency_id, depot_id)
);
CREATE TABLE vehicle_depot (
    agency_id  text NOT NULL,
    vehicle_id text NOT NULL CHECK (vehicle_id <> ''),
    depot_id   text NOT NULL,
    PRIMARY KEY (agency_id, vehicle_id),
    FOREIGN KEY (agency_id, depot_id) REFERENCES depot ON DELETE CASCADE
);
CREATE INDEX vehicle_depot_of ON vehicle_depot (agency_id, depot_id);
