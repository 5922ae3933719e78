"""All migrations on an empty database give the schema that is recorded beside this test.

Views stand there by their columns: each release of PostgreSQL prints their text in another way.

After a new migration: `SAPAR_RECORD_SCHEMA=1 pytest tests/core/test_schema.py`, and read the
difference before it goes in.
"""

import os
from pathlib import Path

from sapar.core.db import connect, migrate

RECORDED = Path(__file__).with_name("schema.txt")

COLUMNS = """
SELECT c.relname, format('  %s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
       CASE WHEN a.attidentity <> '' THEN ' identity'
            WHEN d.adbin IS NOT NULL THEN ' default ' || pg_get_expr(d.adbin, d.adrelid)
            ELSE '' END)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'p')
  AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
ORDER BY c.relname, a.attnum
"""
RULES = """
SELECT conrelid::regclass::text, format('  %s %s', conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
UNION ALL
SELECT tablename, '  ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT tgrelid::regclass::text, '  ' || pg_get_triggerdef(oid) FROM pg_trigger
WHERE NOT tgisinternal AND tgrelid::regclass::text NOT LIKE '\\_timescaledb%'
  AND tgname <> 'ts_insert_blocker'  -- TimescaleDB's own; later releases have none
UNION ALL
SELECT format('hypertable %s', hypertable_name), format('  %s every %s', column_name, time_interval)
FROM timescaledb_information.dimensions
ORDER BY 1, 2
"""


def describe(conninfo: str) -> str:
    """Write the schema down, one line a column, constraint, index, trigger, view or hypertable."""
    lines, name = [], None
    with connect(conninfo) as connection:
        for query in (COLUMNS, RULES):
            for owner, text in connection.execute(query).fetchall():
                if owner != name:
                    lines.append(owner)
                    name = owner
                lines.append(text)
    return "\n".join(lines) + "\n"


def test_all_migrations_give_the_recorded_schema(empty_database):
    migrate(empty_database)
    found = describe(empty_database)
    if os.environ.get("SAPAR_RECORD_SCHEMA"):
        RECORDED.write_text(found, encoding="utf-8")
    assert found == RECORDED.read_text(encoding="utf-8")
