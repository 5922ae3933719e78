"""What people do about alarms, and the rules that alarms are raised by."""
