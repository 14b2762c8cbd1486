"""From sessions to training examples: what is chosen, how it is checked, where it is written."""
