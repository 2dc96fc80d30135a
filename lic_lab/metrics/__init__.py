"""How good (quality), how many bits (rate), and both in one number (BD-rate)."""
