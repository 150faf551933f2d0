"""Numbers that point elsewhere while their carrier brings no calls: what is on record, who asks, on what evidence."""
