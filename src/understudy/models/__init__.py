"""The registry of models: their versions, which of them is in use, and what they came from."""
