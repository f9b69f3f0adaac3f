"""What `bench/profile.py` counts, scenario by scenario, and what the scenarios share."""
