"""What a service that nobody described to the lab serves, found by its document or by asking."""
