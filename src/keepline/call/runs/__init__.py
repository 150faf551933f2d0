"""Runs: flows at work without a caller. They wait for days on disk, and are in memory while something is to be done."""
