"""What the control room sees beside the map: places on the ladder, ghosts, headways, alarms."""
