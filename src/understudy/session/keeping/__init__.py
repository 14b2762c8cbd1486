"""Keeping what was recorded: archive, forget, merge, look through again, index, watch the disk."""
