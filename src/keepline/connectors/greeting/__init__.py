"""What callers hear first, spoken before it counts."""
