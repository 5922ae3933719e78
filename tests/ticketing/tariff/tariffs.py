"""Small tariffs for tests: a plain one, and the files that a test changes."""

from sapar.ticketing.tariff import Tariff, Tariffs, read_tariff, write_tariff

PLAIN = {
    "tariff.txt": "name,currency,timezone\nPlain,KZT,Asia/Aqtobe",
    "rider_categories.txt": (
        "rider_category_id,rider_category_name,is_default_fare_category\nadult,Adults,1\npupil,Pupils,0"
    ),
    "fare_media.txt": "fare_media_id,fare_media_type\nany,2",
    "channels.txt": "medium,fare_media_id\ncard,any\nqr,any\nbank_card,any\nnfc,any",
    "fare_products.txt": (
        "fare_product_id,rider_category_id,fare_media_id,amount,currency\n"
        "ride,adult,,80,KZT\nride,pupil,,40.00,KZT"
    ),
    "fare_leg_rules.txt": "leg_group_id,network_id,fare_product_id,rule_priority\nbus,,ride,0",
}
"""80 tenge, pupils 40, everywhere, nothing else."""


def zip_of(changes: dict[str, str | None] | None = None) -> bytes:
    """Make the plain tariff's zip with some files replaced, added, or (None) left out."""
    files = PLAIN | (changes or {})
    return write_tariff(
        {
            name: [line.split(",") for line in text.splitlines()]
            for name, text in files.items()
            if text is not None
        }
    )


def tariff_of(changes: dict[str, str | None] | None = None) -> Tariff:
    return read_tariff(zip_of(changes), version_no=1)


def tariffs_of(changes: dict[str, str | None] | None = None) -> Tariffs:
    """One version, from the beginning of time."""
    return Tariffs([(-(1 << 60), tariff_of(changes))])
