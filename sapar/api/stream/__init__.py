"""The live stream of the control room: a snapshot, then what changed, for any number of readers."""
