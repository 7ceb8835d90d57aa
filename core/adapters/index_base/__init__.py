"""What every index shares."""
