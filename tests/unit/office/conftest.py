"""Databases and stores of replicas that really run, each for the tests of a file: none outlives
them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgresql import PostgreSQL
from s3_engines import S3Engine, ceph, seaweedfs


@pytest.fixture(scope="module")
def seaweedfs_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Engine]:
    with seaweedfs(Path(tmp_path_factory.mktemp("seaweedfs"))) as engine:
        yield engine


@pytest.fixture(scope="module")
def ceph_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Engine]:
    with ceph(Path(tmp_path_factory.mktemp("ceph"))) as engine:
        yield engine


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgreSQL]:
    made = PostgreSQL()
    yield made
    made.close()


@pytest.fixture(scope="module")
def postgresql(cluster: PostgreSQL) -> Iterator[PostgreSQL]:
    """It runs for one file of tests: after each of them no process may be left."""
    cluster.start()
    yield cluster
    cluster.stop()
