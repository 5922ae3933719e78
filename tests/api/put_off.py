"""What a 503 of ours says, for tests that ask at random."""

from typing import Any


def is_put_off(answer: Any) -> bool:
    """Whether the instance says that it has no answer now, and when to ask again.

    The database is there throughout these tests: who is told that it is not has met a fault.
    """
    told = answer.headers.get("retry-after", ["0"])  # each name has a list of its values
    away = "database_unavailable" in answer.text
    return answer.status_code == 503 and int(told[0]) > 0 and not away
