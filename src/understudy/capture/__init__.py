"""The ways in: what watches a game being played and hands it to a session."""
