"""What files and cohorts share, pure: programme years, places, the waiting list, what one asks of the other."""
