"""What `bench/log.py` measures, part by part, and what the parts share."""
