"""Classes of the operation's own, a method for each action: for what no declaration can describe."""
