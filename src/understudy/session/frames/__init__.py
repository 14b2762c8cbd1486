"""The frames track: numbers at frame rate, from the game's call to Arrow columns."""
