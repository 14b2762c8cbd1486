"""The other recorders and proxies: one folder each, with pinned requirements and a driver."""
