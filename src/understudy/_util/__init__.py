"""Small helpers that belong to no room; nothing here knows what a session is."""
