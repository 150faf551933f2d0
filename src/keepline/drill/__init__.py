"""Drills: faults planted on purpose into a node of their own and its world, and gone afterwards whatever happens."""
