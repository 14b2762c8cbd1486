"""Recording: what a game calls, and the one thread that brings it to the disk."""
