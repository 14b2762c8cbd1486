"""`tavern`: a game in words, in which a language model can be the Dungeon Master."""
