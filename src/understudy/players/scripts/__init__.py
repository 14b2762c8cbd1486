"""The scripts of the built-in games, a package each."""
