"""The player that asks a vision model on an OpenAI-compatible server what to do."""
