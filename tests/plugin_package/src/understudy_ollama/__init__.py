"""A plug-in: a dialect and an export format that Understudy does not bring along."""
