"""Changes that are kept until the path before it takes them."""
