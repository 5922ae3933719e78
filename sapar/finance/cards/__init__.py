"""The card desk: cards found by number or reference, told about, and operated on with a reason."""
