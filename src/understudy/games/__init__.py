"""Games: what one is, its tasks and their checks, and the games that run on a ROM."""
