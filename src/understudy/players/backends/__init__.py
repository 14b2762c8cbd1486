"""What runs a model for a player, one file each."""
