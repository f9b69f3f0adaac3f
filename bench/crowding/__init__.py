"""What `bench/connections.py` and `bench/soak.py` measure, part by part, and what the parts share."""
