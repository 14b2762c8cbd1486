"""What tests of several rooms share: a workspace, and PostgreSQL where one is named."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import understudy
from understudy._util.cores import cores

AT_ONCE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if AT_ONCE > 1:
    # Before anything that computes is imported: two that each take all cores stand in each other's
    # way, and need four times as long.
    os.environ["OMP_NUM_THREADS"] = str(max(1, cores() // AT_ONCE))


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[understudy.Workspace]:
    """An empty workspace."""
    with understudy.Workspace(tmp_path / "ws") as workspace:
        yield workspace


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A URL of PostgreSQL with an empty schema of this test's own, dropped afterwards."""
    named = os.environ.get("UNDERSTUDY_TEST_POSTGRES")
    if not named:
        pytest.skip("UNDERSTUDY_TEST_POSTGRES names no PostgreSQL server")
    from sqlalchemy import create_engine, make_url, text

    url = make_url(named).set(drivername="postgresql+psycopg")
    schema = f"understudy_test_{uuid.uuid4().hex}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f'CREATE SCHEMA "{schema}"'))
    try:
        own = url.update_query_dict({"options": f"-csearch_path={schema}"})
        yield own.set(drivername="postgresql").render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.execute(text(f'DROP SCHEMA "{schema}" CASCADE'))
        engine.dispose()
