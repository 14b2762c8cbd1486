"""The embedded base model: its corpus, its tokenizer, and how it is made."""
