"""What calls leave unfinished: uses in doubt, and work for people. It outlives calls and processes, by its facts."""
