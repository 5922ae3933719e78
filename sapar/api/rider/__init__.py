"""The passenger's side: the page at `/rider`, stops, alerts, reports and the balance of a card.

Everything here is open. What it writes is a rider's report and the count of failed look-ups.
"""
