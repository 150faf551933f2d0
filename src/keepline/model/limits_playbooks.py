"""The bounds of playbooks, as `limits` has the others. Each is reached by a test."""

PLAYBOOKS_MAX = 50
"""Of one operation's own."""
PLAYBOOK_STEPS_MAX = 60
"""Of one playbook, those of its branches included."""
PLAYBOOK_BRANCHES_MAX = 6
"""Work that goes on at one time."""
PLAYBOOK_BRANCH_CHARS_MAX = 6_000
"""Of a branch as JSON: a child run is started with it."""
PLAYBOOK_WORDS_CHARS_MAX = 500
"""Of what a step says to people, and of the reason that somebody gives."""
PLAYBOOK_CONDITIONS_MAX = 8
"""Of one step; all of them must hold."""
PLAYBOOK_TIME_S_MAX = 30 * 86_400
"""Of a wait, and of the time in which something is due."""
PLAYBOOK_ADDED_MAX = 20
"""Steps that people add to the playbook of one incident."""
REVIEW_FACTS_MAX = 2_000_000
"""Facts that one review reads: the figures of an incident that has more are of the first of them."""
