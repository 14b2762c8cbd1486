"""The games that come with Understudy, each a folder that registers like a plug-in."""
