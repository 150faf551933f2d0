"""Measurements of a whole node from outside, and the proof of the switch-over in large; `make bench` runs them."""
