"""Who may call us and by which way, and how we make ourselves known to carriers."""
