"""Commands that stand on the drawn pictures."""
