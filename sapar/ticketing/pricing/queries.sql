-- The taps of a fare day, for a dry run.

-- name: plan_for_all_rows
-- Every row of the cursor will be read: the plan that gives the first ones soonest is no help.
SET LOCAL cursor_tuple_fraction = 1;

-- name: rides_of_day
-- Every tap of a fare day that pricing decided, by card and in canonical order, with the category
-- and the passes that its card had then. A tap is not received before it happens, which lets the
-- index of receipts find the day.
SELECT t.card_no, t.tap_no, (extract(epoch FROM t.event_at) * 1000)::bigint, t.route_id,
       t.vehicle_id, t.medium, t.num_riders,
       CASE WHEN t.event_at >= c.category_from THEN c.category
            ELSE coalesce((SELECT h.category FROM card_category h
                           WHERE h.card_no = c.card_no AND h.valid_from <= t.event_at
                           ORDER BY h.valid_from DESC LIMIT 1),
                          (SELECT h.category FROM card_category h WHERE h.card_no = c.card_no
                           ORDER BY h.valid_from LIMIT 1),
                          c.category)
       END,
       CASE WHEN c.has_pass
            THEN ARRAY(SELECT p.product_id FROM card_pass p
                       WHERE p.card_no = c.card_no AND p.valid @> t.event_at
                       ORDER BY lower(p.valid), p.journal_no)
       END,
       t.ruling IS NOT DISTINCT FROM 'accept'
FROM tap t
JOIN card c ON c.card_no = t.card_no
WHERE c.agency_id = %(agency_id)s AND t.service_date = %(service_date)s
    AND t.received_at >= %(received_from)s
    AND (t.status = 'posted' OR t.code = ANY(%(codes)s))
ORDER BY t.card_no, t.event_at, t.device_no, t.epoch, t.seq, t.digest;

-- name: charged_before
-- What cards were charged on earlier fare days of the month, by taps for one rider.
SELECT card_no, sum(charged_tiyn)::bigint
FROM tap
WHERE card_no = ANY(%(card_no)s) AND service_date >= date_trunc('month', %(service_date)s::date)::date
    AND service_date < %(service_date)s AND status = 'posted' AND num_riders = 1
GROUP BY card_no;
