"""The tariff desk: drafts as tables, tried on stored taps, put into force by two people."""
