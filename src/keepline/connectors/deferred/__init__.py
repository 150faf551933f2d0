"""Changes that a run of a flow sees to later."""
