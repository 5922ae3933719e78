"""What a 503 of ours says, for tests that ask at random."""

from typing import Any


def is_put_off(answer: Any) -> bool:
    """Whether the instance says that it has no answer now, and when to ask again."""
    told = answer.headers.get("retry-after", ["0"])  # each name has a list of its values
    return answer.status_code == 503 and int(told[0]) > 0
