-- name: list_alarms
-- Alarms that stand, the most urgent first.
SELECT alarm_no, key, kind, priority, vehicle_id, route_id, trip_id, stop_id, details,
       extract(epoch FROM since)::float8, extract(epoch FROM raised_at)::float8,
       extract(epoch FROM cleared_at)::float8, extract(epoch FROM acknowledged_at)::float8,
       acknowledged_by, extract(epoch FROM shelved_until)::float8, shelved_by, owner,
       extract(epoch FROM taken_at)::float8
FROM alarm_state
WHERE agency_id = %(agency_id)s AND cleared_at IS NULL
ORDER BY priority, raised_at, alarm_no;

-- name: list_alarms_of_day
-- Alarms that were raised in a span of time, newest first; a page goes on below a number.
SELECT alarm_no, key, kind, priority, vehicle_id, route_id, trip_id, stop_id, details,
       extract(epoch FROM since)::float8, extract(epoch FROM raised_at)::float8,
       extract(epoch FROM cleared_at)::float8, extract(epoch FROM acknowledged_at)::float8,
       acknowledged_by, extract(epoch FROM shelved_until)::float8, shelved_by, owner,
       extract(epoch FROM taken_at)::float8
FROM alarm_state
WHERE agency_id = %(agency_id)s AND raised_at >= %(since)s AND raised_at < %(until)s
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(below)s::bigint IS NULL OR alarm_no < %(below)s)
ORDER BY alarm_no DESC LIMIT %(limit)s;

-- name: count_alarms
-- How many alarms were raised in each ten minutes of a span, by priority.
SELECT (extract(epoch FROM raised_at)::bigint / 600) * 600 AS from_s, priority, count(*)
FROM alarm
WHERE agency_id = %(agency_id)s AND raised_at >= %(since)s AND raised_at < %(until)s
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: get_alarm
-- Locked, so that what two people do comes one after the other.
SELECT alarm_no FROM alarm
WHERE agency_id = %(agency_id)s AND alarm_no = %(alarm_no)s FOR UPDATE;

-- name: get_alarm_state
-- One alarm as it stands, in the columns of list_alarms.
SELECT alarm_no, key, kind, priority, vehicle_id, route_id, trip_id, stop_id, details,
       extract(epoch FROM since)::float8, extract(epoch FROM raised_at)::float8,
       extract(epoch FROM cleared_at)::float8, extract(epoch FROM acknowledged_at)::float8,
       acknowledged_by, extract(epoch FROM shelved_until)::float8, shelved_by, owner,
       extract(epoch FROM taken_at)::float8
FROM alarm_state WHERE agency_id = %(agency_id)s AND alarm_no = %(alarm_no)s;

-- name: add_step
-- The next step of an alarm's life.
INSERT INTO alarm_step (agency_id, alarm_no, what, at, person, until, undoes, reason)
VALUES (%(agency_id)s, %(alarm_no)s, %(what)s, %(at)s, %(person)s, %(until)s, %(undoes)s,
        %(reason)s)
RETURNING step_no;

-- name: find_last_step
-- What a person did last about an alarm and did not undo.
SELECT s.step_no, s.what FROM alarm_step AS s
WHERE s.agency_id = %(agency_id)s AND s.alarm_no = %(alarm_no)s AND s.person = %(person)s
  AND s.what IN ('acknowledged', 'shelved', 'taken_over')
  AND NOT EXISTS (SELECT FROM alarm_step AS u
                  WHERE u.agency_id = s.agency_id AND u.undoes = s.step_no)
ORDER BY s.step_no DESC LIMIT 1;

-- name: list_steps
-- The life of an alarm, in order.
SELECT step_no, what, extract(epoch FROM at)::float8, person, extract(epoch FROM until)::float8,
       undoes, reason
FROM alarm_step WHERE agency_id = %(agency_id)s AND alarm_no = %(alarm_no)s ORDER BY step_no;

-- name: list_rules
-- The rules of an agency that differ from the deployment's.
SELECT kind, nullif(route_id, ''), raise_at, clear_at, on_delay_s, off_delay_s, priority, enabled
FROM alarm_rule WHERE agency_id = %(agency_id)s ORDER BY kind, route_id;

-- name: lock_rules
-- Two people who change rules do so one after the other.
SELECT agency_id FROM agency WHERE agency_id = %(agency_id)s FOR UPDATE;

-- name: drop_rules
DELETE FROM alarm_rule WHERE agency_id = %(agency_id)s;

-- name: add_rule
-- A rule of an agency; no route is written as the empty one.
INSERT INTO alarm_rule (agency_id, kind, route_id, raise_at, clear_at, on_delay_s, off_delay_s,
                        priority, enabled)
VALUES (%(agency_id)s, %(kind)s, coalesce(%(route_id)s, ''), %(raise_at)s, %(clear_at)s,
        %(on_delay_s)s, %(off_delay_s)s, %(priority)s, %(enabled)s);
