"""The same with pytest-bgasync."""

import os

import pytest


@pytest.mark.bgasync(hosts=["app1"], image=os.environ["BENCH_IMAGE"], time_scale=0.02)
def test_a_migration_that_fails_is_rolled_back(bgasync):
    run = bgasync.run("migration.yml")
    assert run.job("Start the migration").outcome == "failed"
    assert run.ran("Run rollback")
    assert bgasync.host.run("test -e /opt/myapp/rolled-back").rc == 0
