"""What people write is refused with a bank card's number in it; what a page writes is not."""

import pytest

from sapar.core.errors import BadInput
from sapar.finance.said import refuse_card_number

PAN = "4111111111111111"


@pytest.mark.parametrize(
    "key", ["69a18233-6773-4799-a071-42e2662b3bc1", "82f45dcd-d373-4342-9104-145fd062bb5f"]
)
def test_the_key_that_a_page_made_is_no_card(key):
    """One in 1,300 random ones has digits in a row that a card might have."""
    refuse_card_number(key, "as told by phone")
    with pytest.raises(BadInput):
        refuse_card_number(key, PAN)
    with pytest.raises(BadInput):
        refuse_card_number(f"{key} {PAN}")
