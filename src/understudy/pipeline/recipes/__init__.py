"""Recipes: the whole line for one game in one file, from where its data comes from to its bundle."""
