"""Whoever chooses the actions: people, scripts, chat models and policies."""
