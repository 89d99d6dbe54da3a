"""What a test may not write: mypy --strict refuses each line that says so."""

from __future__ import annotations

from pytest_bgasync import Lab, Outcome


def mistakes(bgasync: Lab) -> None:
    bgasync.run("site.yml", limit_s={"Migrate": 5})  # refused: call-arg
    bgasync.run(extra_vars={})  # refused: call-arg
    bgasync.run("site.yml", deadline="60")  # refused: arg-type
    job = bgasync.run("site.yml").job("Migrate")
    job.outcome = Outcome.FAILED  # refused: misc
    job.wait(within="30")  # refused: arg-type
    code: int = job.rc  # refused: assignment
    print(job.stdoutt)  # refused: attr-defined
    bgasync.host.stub("/opt/migrate", rc="3")  # refused: arg-type
    bgasync.hosts["web1"].calls()  # refused: call-arg
    print(code)
