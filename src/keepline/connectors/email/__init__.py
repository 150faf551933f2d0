"""Mail to people, by SMTP."""
