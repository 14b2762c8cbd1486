"""The targets that come with Understudy."""
