"""The past of an agency: positions minute by minute, and runs as lines of time and place."""
