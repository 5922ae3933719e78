"""Figures for the public: ridership, revenue, TIDES."""
