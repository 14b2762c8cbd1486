"""Training: one file a method, and the base model that this project makes itself."""
