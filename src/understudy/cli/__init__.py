"""The command line: one file a noun. It reads options, calls the rooms below and prints."""
