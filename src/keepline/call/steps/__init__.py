"""The verbs of a flow at work in a call: a file for each kind of verb, and what they share."""
