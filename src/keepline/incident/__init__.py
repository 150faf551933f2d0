"""What affects callers, from its detection to its review: pure, like `call`, whose facts it reads."""
