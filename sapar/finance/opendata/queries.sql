-- Figures for the public, of months whose days are all closed.

-- name: list_open_days
-- Days of the month that are not closed, or were reopened and not closed again since.
SELECT day::date FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') day
WHERE NOT EXISTS (SELECT FROM business_day b
                  WHERE b.agency_id = %(agency_id)s AND b.business_date = day
                    AND NOT EXISTS (SELECT FROM day_reopening r
                                    WHERE (r.agency_id, r.business_date, r.revision)
                                        = (b.agency_id, b.business_date, b.revision)))
ORDER BY 1;

-- name: find_agency
SELECT name, timezone FROM agency WHERE agency_id = %(agency_id)s;

-- name: sum_ridership
-- Boardings and money by route and category: what counts, less what was given back; a ride that was
-- taken back whole is none.
WITH ride AS (
    SELECT coalesce(nullif(t.route_id, ''), 'unknown') AS route_id, coalesce(t.rider_category, '') AS category,
           t.num_riders, t.charged_tiyn,
           CASE WHEN t.adjustments = '[]' THEN 0 ELSE (
               SELECT coalesce(sum((part ->> 2)::bigint), 0)
               FROM jsonb_array_elements(t.adjustments::jsonb) part
               WHERE part ->> 0 NOT IN ('pass', 'unproved', 'fraud')
                 AND part ->> 1 NOT IN ('scheme', 'carrier')) END AS budget_tiyn,
           r.amount_tiyn AS back_tiyn, coalesce(r.whole, false) AS whole
    FROM tap t
    JOIN device d USING (device_no)
    LEFT JOIN LATERAL (
        SELECT sum(f.amount_tiyn) AS amount_tiyn, bool_or(-1000000000 > ANY (j.accounts)) AS whole
        FROM tap_refund f JOIN journal j USING (journal_no) WHERE f.tap_no = t.tap_no
    ) r ON true
    WHERE d.agency_id = %(agency_id)s AND t.status = 'posted'
      AND t.received_at >= %(first)s::timestamp - interval '2 days'
      AND t.service_date BETWEEN %(first)s AND %(last)s
)
SELECT route_id, category, sum(num_riders)::bigint,
       sum(charged_tiyn - coalesce(back_tiyn, 0))::bigint, sum(budget_tiyn)::bigint
FROM ride WHERE NOT whole
GROUP BY 1, 2
ORDER BY route_id COLLATE "C", category COLLATE "C";

-- name: sum_service
-- Runs and metres by route, as people corrected them.
SELECT p.route_id, count(*) FILTER (WHERE p.planned),
       count(*) FILTER (WHERE coalesce(c.status, p.status) = 'done'),
       count(*) FILTER (WHERE coalesce(c.status, p.status) = 'partly'),
       count(*) FILTER (WHERE coalesce(c.status, p.status) = 'not_done'),
       coalesce(sum(round(p.planned_m::numeric)) FILTER (WHERE p.planned), 0)::bigint,
       sum(CASE coalesce(c.status, p.status) WHEN 'done' THEN round(p.planned_m::numeric)
               WHEN 'partly' THEN round(p.driven_m::numeric) ELSE 0 END)::bigint
FROM run_proof p
LEFT JOIN LATERAL (
    SELECT status FROM run_correction rc
    WHERE (rc.agency_id, rc.service_date, rc.trip_id, rc.start_s)
        = (p.agency_id, p.service_date, p.trip_id, p.start_s)
    ORDER BY corrected_at DESC LIMIT 1
) c ON true
WHERE p.agency_id = %(agency_id)s AND p.service_date BETWEEN %(first)s AND %(last)s
GROUP BY 1
ORDER BY p.route_id COLLATE "C";

-- name: list_transactions
-- Rides of a month that count, one a row, as TIDES has them.
SELECT d.device_id, t.epoch, t.seq, t.service_date, t.event_at AT TIME ZONE a.timezone,
       t.event_at AT TIME ZONE 'UTC', t.charged_tiyn, t.rule, t.trip_id, t.vehicle_id,
       t.num_riders, t.medium, t.rider_category, t.product_id, t.adjustments, c.card_ref
FROM tap t
JOIN device d USING (device_no)
JOIN card c USING (card_no)
JOIN agency a ON a.agency_id = d.agency_id
WHERE d.agency_id = %(agency_id)s AND t.status = 'posted'
  AND t.received_at >= %(first)s::timestamp - interval '2 days'
  AND t.service_date BETWEEN %(first)s AND %(last)s
  AND NOT EXISTS (SELECT FROM tap_refund f JOIN journal j USING (journal_no)
                  WHERE f.tap_no = t.tap_no AND -1000000000 > ANY (j.accounts))
ORDER BY t.service_date, t.event_at, d.device_id COLLATE "C", t.epoch, t.seq;
