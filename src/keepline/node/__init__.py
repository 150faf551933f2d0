"""The processes of one node: supervisor, media, calls, journal. Effects are run here; decisions are the core's."""
