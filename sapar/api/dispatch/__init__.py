"""The desks of dispatch: acts, alerts, messages, alarms."""
