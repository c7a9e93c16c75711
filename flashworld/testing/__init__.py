"""Slow, obvious implementations that the tests hold the fast ones against."""
