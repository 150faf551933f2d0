"""What a call to the retailer does: the menu, and a module for each subject behind it."""
