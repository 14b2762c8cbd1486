"""Recipes: the whole line for one game in one file, from its data to its bundle."""
