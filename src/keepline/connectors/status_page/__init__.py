"""The public page's files."""
