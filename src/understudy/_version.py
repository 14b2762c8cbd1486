"""The version of this package, for records and for ``--version``."""

__version__ = "0.1.0"
