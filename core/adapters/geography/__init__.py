"""Where on earth a position is: towns, countries and time zones."""
