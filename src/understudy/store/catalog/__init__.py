"""An SQL index of the sessions: SQLite in the workspace, or PostgreSQL by URL."""

from __future__ import annotations

from understudy.store.catalog.catalog import Catalog, ScoreSource
from understudy.store.catalog.database import UnwritableCatalogError
from understudy.store.catalog.schema import SessionRow

__all__ = ["Catalog", "ScoreSource", "SessionRow", "UnwritableCatalogError"]
