-- name: insert_audit
-- Add a line to the audit log.
INSERT INTO audit_log (at, person, user_id, agency_id, action, target, before, after, reason)
VALUES (%(at)s, %(person)s, %(user_id)s, %(agency_id)s, %(action)s, %(target)s, %(before)s,
        %(after)s, %(reason)s);

-- name: find_session
-- The person of a session that stands now, with (role, agency) pairs.
SELECT s.session_no, s.last_seen_at, p.user_id, p.name, p.full_name, p.language,
       p.password_temporary, p.second_factor IS NOT NULL,
       ARRAY(SELECT r.role FROM person_role AS r WHERE r.user_id = p.user_id
             AND r.agency_id IS NULL ORDER BY r.role),
       ARRAY(SELECT r.role || ' ' || r.agency_id FROM person_role AS r WHERE r.user_id = p.user_id
             AND r.agency_id IS NOT NULL ORDER BY r.agency_id, r.role)
FROM session AS s
JOIN person AS p USING (user_id)
WHERE s.token_hash = %(token_hash)s AND s.ended_at IS NULL AND p.ended_at IS NULL
  AND s.expires_at > %(at)s
  AND (s.idle_s IS NULL OR s.last_seen_at + s.idle_s * interval '1 second' > %(at)s);

-- name: touch_session
-- The person of a session has been seen.
UPDATE session SET last_seen_at = %(at)s
WHERE session_no = %(session_no)s AND last_seen_at < %(at)s;

-- name: insert_session
-- Somebody has signed in.
INSERT INTO session (token_hash, user_id, created_at, last_seen_at, idle_s, expires_at, address,
                     agent)
VALUES (%(token_hash)s, %(user_id)s, %(at)s, %(at)s, %(idle_s)s, %(expires_at)s, %(address)s,
        %(agent)s)
RETURNING session_no;

-- name: list_standing_keys
-- Keys that are not revoked, in the order of `ApiKey`.
SELECT key_no, prefix, name, rate_per_minute, secret_hash FROM api_key WHERE revoked_at IS NULL;

-- name: mark_keys_used
-- The newest day on which keys were used.
UPDATE api_key SET last_used_on = used.day
FROM unnest(%(key_nos)s::int[], %(days)s::date[]) AS used (key_no, day)
WHERE api_key.key_no = used.key_no
  AND (last_used_on IS NULL OR last_used_on < used.day);

-- name: reserve_try
-- Count a try unless its subject has to wait; no row: it has. From the last free try on each one
-- blocks the next, for twice as long.
INSERT INTO sign_in_try AS t (subject, tries, last_at, blocked_until)
VALUES (%(subject)s, 1, %(at)s,
        %(at)s::timestamptz + CASE WHEN %(free)s::int <= 1 THEN interval '1 second'
                                   ELSE interval '0' END)
ON CONFLICT (subject) DO UPDATE
SET tries = CASE WHEN t.last_at < %(forgotten_at)s THEN 1 ELSE t.tries + 1 END,
    last_at = excluded.last_at,
    blocked_until = CASE
        WHEN t.last_at < %(forgotten_at)s OR t.tries + 1 < %(free)s::int THEN excluded.last_at
        ELSE excluded.last_at + interval '1 second'
             * least(%(wait_max_s)s::int, 2 ^ least(t.tries + 1 - %(free)s::int, 20))
    END
WHERE t.blocked_until <= %(at)s
RETURNING tries;

-- name: find_block
-- Until when a subject has to wait.
SELECT blocked_until FROM sign_in_try WHERE subject = %(subject)s;

-- name: forget_tries
-- Start a subject anew.
DELETE FROM sign_in_try WHERE subject = %(subject)s;

-- name: return_try
-- Take one try back; a wait that others earned stays.
UPDATE sign_in_try SET tries = greatest(tries - 1, 0)
WHERE subject = %(subject)s;

-- name: find_by_name
-- What signing in needs to know of a name; whether the person was at an address before.
SELECT p.user_id, p.password_hash, p.password_temporary, p.second_factor, p.second_factor_step,
       p.ended_at,
       EXISTS (SELECT FROM session AS s WHERE s.user_id = p.user_id AND s.address = %(address)s),
       p.password_changed_at
FROM person AS p WHERE p.name = %(name)s;

-- name: hold_password
-- Holds a person until the transaction ends, and gives the second factor; no row: the password was
-- changed since, or is no more.
SELECT second_factor FROM person
WHERE user_id = %(user_id)s AND password_changed_at = %(changed_at)s AND ended_at IS NULL
FOR NO KEY UPDATE;

-- name: list_roles
-- Roles of a person with their agencies; null: all.
SELECT role, agency_id FROM person_role WHERE user_id = %(user_id)s
ORDER BY agency_id NULLS FIRST, role;

-- name: lock_roles
-- One change of roles at a time, so that the last admin stays; readers are not held up.
LOCK TABLE person_role IN SHARE ROW EXCLUSIVE MODE;

-- name: count_admins
-- People, other than one, who administer all agencies and can sign in.
SELECT count(DISTINCT user_id) FROM person_role JOIN person USING (user_id)
WHERE role = 'admin' AND agency_id IS NULL AND ended_at IS NULL AND user_id <> %(user_id)s;

-- name: insert_person
-- Add a person; no row: the name is taken.
INSERT INTO person (name, full_name, language, password_hash, password_changed_at,
                    password_temporary, created_at)
VALUES (%(name)s, %(full_name)s, %(language)s, %(password_hash)s,
        CASE WHEN %(password_hash)s::text IS NOT NULL THEN %(at)s::timestamptz END,
        %(temporary)s, %(at)s)
ON CONFLICT (name) DO NOTHING
RETURNING user_id;

-- name: delete_roles
-- Take all roles of a person.
DELETE FROM person_role WHERE user_id = %(user_id)s;

-- name: insert_role
-- Give a person a role.
INSERT INTO person_role (user_id, agency_id, role)
VALUES (%(user_id)s, %(agency_id)s, %(role)s)
ON CONFLICT DO NOTHING;

-- name: set_password
-- Put another password in place of a person's.
UPDATE person
SET password_hash = %(password_hash)s, password_changed_at = %(at)s,
    password_temporary = %(temporary)s
WHERE user_id = %(user_id)s;

-- name: renew_hash
-- The same password under today's parameters, unless it was changed in between.
UPDATE person SET password_hash = %(password_hash)s
WHERE user_id = %(user_id)s AND password_hash = %(old_hash)s;

-- name: set_person
-- Change how a person is called and greeted.
UPDATE person SET full_name = %(full_name)s, language = %(language)s
WHERE user_id = %(user_id)s;

-- name: set_ended
-- A person leaves (a time) or comes back (null).
UPDATE person SET ended_at = %(at)s WHERE user_id = %(user_id)s;

-- name: set_second_factor
-- A person's second factor; null takes it away.
UPDATE person SET second_factor = %(secret)s, second_factor_step = NULL
WHERE user_id = %(user_id)s;

-- name: use_code
-- A time-based code counts once; no row: it was used before, or its secret is set no more.
UPDATE person SET second_factor_step = %(step)s
WHERE user_id = %(user_id)s AND second_factor = %(secret)s
  AND coalesce(second_factor_step, -1) < %(step)s
RETURNING user_id;

-- name: get_person
-- One person as people who administer see it.
SELECT p.user_id, p.name, p.full_name, p.language, p.created_at, p.ended_at,
       p.password_hash IS NOT NULL, p.password_temporary, p.second_factor IS NOT NULL,
       (SELECT max(s.last_seen_at) FROM session AS s WHERE s.user_id = p.user_id),
       ARRAY(SELECT r.role || ' ' || coalesce(r.agency_id, '') FROM person_role AS r
             WHERE r.user_id = p.user_id ORDER BY r.agency_id NULLS FIRST, r.role)
FROM person AS p
WHERE p.user_id = %(user_id)s;

-- name: list_people
-- People by name from a name on, in the columns of `get_person`.
SELECT p.user_id, p.name, p.full_name, p.language, p.created_at, p.ended_at,
       p.password_hash IS NOT NULL, p.password_temporary, p.second_factor IS NOT NULL,
       (SELECT max(s.last_seen_at) FROM session AS s WHERE s.user_id = p.user_id),
       ARRAY(SELECT r.role || ' ' || coalesce(r.agency_id, '') FROM person_role AS r
             WHERE r.user_id = p.user_id ORDER BY r.agency_id NULLS FIRST, r.role)
FROM person AS p
WHERE p.name > %(after)s
  AND (%(ended)s OR p.ended_at IS NULL)
  AND (%(search)s = '' OR strpos(p.name, lower(%(search)s)) > 0
       OR strpos(lower(p.full_name), lower(%(search)s)) > 0)
  AND (%(role)s::text IS NULL
       OR EXISTS (SELECT FROM person_role AS r
                  WHERE r.user_id = p.user_id AND r.role = %(role)s))
ORDER BY p.name
LIMIT %(limit)s;

-- name: list_sessions
-- Sessions of a person that stand now, newest first.
SELECT session_no, created_at, last_seen_at, expires_at, idle_s, address, agent
FROM session
WHERE user_id = %(user_id)s AND ended_at IS NULL AND expires_at > %(at)s
  AND (idle_s IS NULL OR last_seen_at + idle_s * interval '1 second' > %(at)s)
ORDER BY session_no DESC;

-- name: end_sessions
-- End sessions of a person: one (its number), or all but one (which may be none).
UPDATE session SET ended_at = %(at)s, ended_why = %(why)s
WHERE user_id = %(user_id)s AND ended_at IS NULL AND expires_at > %(at)s
  AND (%(only)s::bigint IS NULL OR session_no = %(only)s)
  AND session_no IS DISTINCT FROM %(but)s::bigint
RETURNING session_no;

-- name: drop_old_sessions
-- Sessions long over; the audit log has when they began and ended.
DELETE FROM session WHERE expires_at < %(before)s;

-- name: drop_old_tries
-- Tries that count no more.
DELETE FROM sign_in_try WHERE last_at < %(before)s AND blocked_until < %(before)s;

-- name: insert_key
-- Add an app's key.
INSERT INTO api_key (prefix, secret_hash, name, contact, rate_per_minute, created_at, created_by)
VALUES (%(prefix)s, %(secret_hash)s, %(name)s, %(contact)s, %(rate_per_minute)s, %(at)s,
        %(created_by)s)
RETURNING key_no;

-- name: list_keys
-- Keys by name; with those that were revoked when asked for.
SELECT key_no, prefix, name, contact, rate_per_minute, created_at, created_by, revoked_at,
       last_used_on
FROM api_key
WHERE (%(revoked)s OR revoked_at IS NULL)
  AND (%(key_no)s::int IS NULL OR key_no = %(key_no)s)
ORDER BY lower(name), key_no;

-- name: revoke_key
-- Revoke a key, once: the first time stands.
UPDATE api_key SET revoked_at = %(at)s WHERE key_no = %(key_no)s AND revoked_at IS NULL
RETURNING key_no;

-- name: set_key_rate
-- Give a key another rate.
UPDATE api_key SET rate_per_minute = %(rate_per_minute)s WHERE key_no = %(key_no)s;

-- name: list_audit
-- Lines of the audit log, newest first, below a number. An agency's reader sees that agency's.
SELECT audit_no, at, recorded_at, person, user_id, agency_id, action, target, before, after, reason
FROM audit_log
WHERE audit_no < %(below)s
  AND (%(from_at)s::timestamptz IS NULL OR at >= %(from_at)s)
  AND (%(to_at)s::timestamptz IS NULL OR at < %(to_at)s)
  AND (%(person)s::text IS NULL OR person = %(person)s)
  AND (%(target)s::text IS NULL OR target = %(target)s)
  AND (%(action)s::text IS NULL OR action LIKE %(action)s)
  AND (%(agency_id)s::text IS NULL OR agency_id = %(agency_id)s)
ORDER BY audit_no DESC
LIMIT %(limit)s;

-- name: list_audit_actions
-- Which actions there are, for the page's filter.
SELECT DISTINCT action FROM audit_log ORDER BY action;

-- name: find_identity
-- Whose identity at the provider this is.
SELECT p.user_id, p.name, p.ended_at
FROM person_identity JOIN person AS p USING (user_id)
WHERE issuer = %(issuer)s AND subject = %(subject)s;

-- name: insert_identity
-- A person's identity at the provider.
INSERT INTO person_identity (issuer, subject, user_id)
VALUES (%(issuer)s, %(subject)s, %(user_id)s)
ON CONFLICT (issuer, subject) DO UPDATE SET user_id = excluded.user_id;

-- name: insert_way
-- Somebody sets out to the provider.
INSERT INTO sign_in_way (state_hash, nonce, verifier, return_to, expires_at)
VALUES (%(state_hash)s, %(nonce)s, %(verifier)s, %(return_to)s, %(expires_at)s);

-- name: take_way
-- Somebody comes back from the provider: once.
DELETE FROM sign_in_way WHERE state_hash = %(state_hash)s
RETURNING nonce, verifier, return_to, expires_at;

-- name: drop_old_ways
-- Ways that nobody came back from.
DELETE FROM sign_in_way WHERE expires_at < %(at)s;
