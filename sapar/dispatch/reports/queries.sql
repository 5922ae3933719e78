-- name: add_report
-- Gives nothing when a report with this code is kept already: the rider's page sent it again.
INSERT INTO rider_report (agency_id, code_hash, source, kind, body, language, happened_at, filed_at,
                          stop_id, route_id, trip_id, vehicle_id, latitude, longitude, evidence,
                          contact, contact_until)
VALUES (%(agency_id)s, %(code_hash)s, %(source)s, %(kind)s, %(body)s, %(language)s,
        %(happened_at)s, %(filed_at)s, %(stop_id)s, %(route_id)s, %(trip_id)s, %(vehicle_id)s,
        %(latitude)s, %(longitude)s, %(evidence)s, %(contact)s, %(contact_until)s)
ON CONFLICT (code_hash) DO NOTHING
RETURNING report_no;

-- name: find_filed
SELECT report_no FROM rider_report
WHERE code_hash = %(code_hash)s AND agency_id = %(agency_id)s;

-- name: follow_report
SELECT report_no, kind, body, state, happened_at, filed_at, route_id, stop_id, vehicle_id, answer,
       answered_at, closed_at, contact_until
FROM rider_report WHERE code_hash = %(code_hash)s AND agency_id = %(agency_id)s;

-- name: erase_contacts
UPDATE rider_report SET contact = NULL, contact_until = NULL WHERE contact_until <= %(now)s;

-- name: drop_reports
DELETE FROM rider_report WHERE filed_at < %(before)s;

-- name: list_reports
-- Newest first; a page goes on below the number of its last row.
SELECT report_no, source, kind, body, language, happened_at, filed_at, stop_id, route_id, trip_id,
       vehicle_id, latitude, longitude, evidence,
       CASE WHEN contact_until > %(now)s THEN contact END, contact_until, state, taken_by, taken_at,
       answer, answered_by, answered_at, closed_by, closed_at
FROM rider_report
WHERE agency_id = %(agency_id)s AND state = ANY (%(states)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(route_id)s::text IS NULL OR route_id = %(route_id)s)
  AND (%(vehicle_id)s::text IS NULL OR vehicle_id = %(vehicle_id)s)
  AND (%(stop_id)s::text IS NULL OR stop_id = %(stop_id)s)
  AND (%(before_no)s::bigint IS NULL OR report_no < %(before_no)s)
ORDER BY report_no DESC
LIMIT %(limit)s;

-- name: get_report
-- The columns of `list_reports`, of one report.
SELECT report_no, source, kind, body, language, happened_at, filed_at, stop_id, route_id, trip_id,
       vehicle_id, latitude, longitude, evidence,
       CASE WHEN contact_until > %(now)s THEN contact END, contact_until, state, taken_by, taken_at,
       answer, answered_by, answered_at, closed_by, closed_at
FROM rider_report WHERE agency_id = %(agency_id)s AND report_no = %(report_no)s;

-- name: lock_report
SELECT FROM rider_report WHERE agency_id = %(agency_id)s AND report_no = %(report_no)s FOR UPDATE;

-- name: take_report
UPDATE rider_report SET state = 'taken', taken_by = %(person)s, taken_at = %(now)s
WHERE agency_id = %(agency_id)s AND report_no = %(report_no)s;

-- name: answer_report
-- Who answers a report that nobody had taken has taken it.
UPDATE rider_report
SET state = 'answered', answer = %(answer)s, answered_by = %(person)s, answered_at = %(now)s,
    taken_by = coalesce(taken_by, %(person)s), taken_at = coalesce(taken_at, %(now)s)
WHERE agency_id = %(agency_id)s AND report_no = %(report_no)s;

-- name: close_report
UPDATE rider_report SET state = 'closed', closed_by = %(person)s, closed_at = %(now)s
WHERE agency_id = %(agency_id)s AND report_no = %(report_no)s;
