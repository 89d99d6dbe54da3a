"""Hosts that are started before they are asked for: nobody has touched them, and none is left."""

from __future__ import annotations

import uuid

import pytest

from .inner import Inner

#: The scenarios of a process, by the names that their containers begin with.
CONFTEST = """
    import datetime
    from pytest_bgasync.util.clock import Deadline
    from pytest_bgasync.engine.ownership import containers, owner_label

    def scenarios(engine):
        owner = owner_label()["bgasync.owner"]
        mine = [one for one in containers(engine.client) if one.labels["bgasync.owner"] == owner]
        # The receiver of webhooks comes before the hosts.
        return {"-".join(one.name.split("-")[:2]) for one in mine if not one.name.endswith("webhooks")}

    def wait_for(condition):
        assert Deadline(60).wait_for(condition)

    def created(host):
        text = host.container.attrs["Created"][:26].rstrip("Z")
        return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).timestamp()
"""


@pytest.fixture(autouse=True)
def conftest(inner: Inner) -> None:
    inner.conftest(CONFTEST)


def test_the_hosts_of_the_next_test_start_while_one_runs_and_are_untouched(inner: Inner) -> None:
    inner.ini("bgasync_webhook_hosts = hooks.example.com")
    inner.test(
        """
        import time
        import pytest
        from conftest import created, scenarios, wait_for

        ended = 0

        @pytest.mark.bgasync(hosts=2, time_scale=0.5)
        def test_one(bgasync, bgasync_engine):
            global ended
            bgasync.hosts["host1"].put("/tmp/mine", "one")
            wait_for(lambda: len(scenarios(bgasync_engine)) == 2)
            ended = time.time()

        @pytest.mark.bgasync(services=["webhooks"])
        def test_two(bgasync, bgasync_engine):
            began = time.time()
            assert created(bgasync.host) < ended
            assert not bgasync.host.testinfra.file("/tmp/mine").exists
            assert len(scenarios(bgasync_engine)) == 1
            run = bgasync.run_text('''
                - hosts: all
                  gather_facts: false
                  tasks:
                    - {name: Job, command: "true", async: 60, poll: 1}
                    - {name: Hook, command: curl -sS http://hooks.example.com/}
            ''')
            # Its time begins with the test, not with its hosts.
            assert 0 <= run.job("Job").launched_at <= time.time() - began + 1
            [request] = bgasync.webhooks.requests
            assert run.job("Job").launched_at <= request.at <= time.time() - began + 1
        """
    )
    inner.run().assert_passed(2)
    inner.assert_nothing_left()


def test_what_is_not_asked_for_in_the_end_is_removed(inner: Inner) -> None:
    inner.test(
        """
        import pytest
        from conftest import scenarios, wait_for

        def test_one(bgasync, bgasync_engine, request):
            wait_for(lambda: len(scenarios(bgasync_engine)) == 2)
            request.session.items[1].add_marker(pytest.mark.bgasync(hosts=["web"]))  # it asks for others now

        def test_two(bgasync, bgasync_engine):
            assert list(bgasync.hosts) == ["web"]
            wait_for(lambda: len(scenarios(bgasync_engine)) == 1)
            assert False

        def test_three(bgasync):
            pass
        """
    )
    ended = inner.run("-x")
    assert ended.counts == {"failed": 1, "passed": 1}, ended.output
    inner.assert_nothing_left()


def test_hosts_that_do_not_come_up_fail_the_test_that_asks_for_them(inner: Inner) -> None:
    inner.file("slow/10-slow", "#!/bin/sh\nexec sleep 600\n").chmod(0o755)
    inner.file("slow/Dockerfile", "ARG BGASYNC_TARGET\nFROM ${BGASYNC_TARGET}\nCOPY 10-slow /etc/bgasync/boot.d/\n")
    inner.test(
        """
        import pytest

        @pytest.mark.bgasync(image="slow")
        @pytest.mark.parametrize("number", [1, 2])
        def test_slow(bgasync, number):
            pass

        def test_good(bgasync):
            pass
        """
    )
    ended = inner.run("-o", "bgasync_boot=3")
    assert "\nbgasync: waiting until host1 answers (2 s)\n" in ended.output, ended.output
    assert ended.counts == {"passed": 1, "errors": 2}, ended.output
    assert ended.output.count("did not answer over ssh within 3 s (the ini key bgasync_boot)") == 2
    inner.assert_nothing_left()


def test_what_the_running_test_breaks_does_not_break_the_hosts_of_the_next(inner: Inner) -> None:
    inner.test(
        """
        import socket
        from conftest import wait_for

        refused = []

        def refuse(*args, **kwargs):
            refused.append(args)
            raise AssertionError("no network in this test")

        def test_one(bgasync, monkeypatch):
            monkeypatch.setattr(socket, "create_connection", refuse)
            wait_for(lambda: refused)

        def test_two(bgasync):
            assert bgasync.host.run("true").rc == 0
        """
    )
    inner.run().assert_passed(2)
    inner.assert_nothing_left()


def test_what_was_started_for_a_test_that_is_skipped_does_not_stay(inner: Inner) -> None:
    inner.test(
        """
        import pytest
        from conftest import scenarios, wait_for

        @pytest.fixture
        def no():
            pytest.skip("not here")

        def test_one(bgasync, bgasync_engine):
            wait_for(lambda: len(scenarios(bgasync_engine)) == 2)

        @pytest.mark.bgasync(hosts=2)
        def test_two(no, bgasync):
            pass

        def test_three(bgasync_engine):
            assert scenarios(bgasync_engine) == set()
        """
    )
    ended = inner.run()
    assert ended.counts == {"passed": 2, "skipped": 1}, ended.output
    inner.assert_nothing_left()


def test_an_image_that_a_fixture_builds_anew_is_that_of_the_fixture(inner: Inner, target: str) -> None:
    name = f"inner-{uuid.uuid4().hex[:12]}"
    inner.test(
        f"""
        import io
        import pytest

        @pytest.fixture(params=[1, 2])
        def number(request, bgasync_engine):
            recipe = b"FROM {target}\\nRUN echo %d > /number\\n" % request.param
            bgasync_engine.client.images.build(fileobj=io.BytesIO(recipe), tag={name!r}, rm=True)
            yield request.param
            bgasync_engine.client.images.remove({name!r}, force=True)

        @pytest.mark.bgasync(image={name!r})
        def test_number(number, bgasync):
            assert int(bgasync.host.read("/number")) == number
        """
    )
    inner.run().assert_passed(2)
    inner.assert_nothing_left()


def test_each_worker_of_xdist_starts_the_hosts_of_its_next_test(inner: Inner) -> None:
    inner.test(
        """
        import time
        import pytest
        from conftest import created, scenarios, wait_for

        LAST = 3
        ended = 0

        @pytest.mark.parametrize("number", range(1, LAST + 1))
        def test_one(bgasync, bgasync_engine, number):
            global ended
            assert number == 1 or created(bgasync.host) < ended
            assert bgasync.host.run("test -e /mine").rc == 1
            bgasync.host.put("/mine", "")
            wait_for(lambda: len(scenarios(bgasync_engine)) == (1 if number == LAST else 2))
            ended = time.time()
        """
    )
    inner.run("-n", "2", "--dist", "each").assert_passed(6)
    inner.assert_nothing_left()


def test_nothing_starts_ahead_where_that_is_not_wanted(inner: Inner) -> None:
    inner.test(
        """
        from conftest import created

        ended = 0

        def test_one(bgasync):
            global ended
            bgasync.host.run("sleep 2")
            ended = float(bgasync.host.run("date +%s.%N").stdout)

        def test_two(bgasync):
            assert created(bgasync.host) > ended
        """
    )
    inner.run("--bgasync-no-ahead").assert_passed(2)
    inner.assert_nothing_left()


def test_ansible_is_imported_while_the_first_hosts_start(inner: Inner) -> None:
    """As the playbooks of the author will want it: where their ansible.cfg is."""
    inner.file("playbooks/ansible.cfg", "[defaults]\nforks = 3\n")
    inner.file("playbooks/site.yml", "- {hosts: all, gather_facts: false, tasks: [debug: ]}\n")
    inner.test(
        """
        import psutil
        from pytest_bgasync.util.clock import Deadline

        def servers():
            return [one for one in psutil.Process().children() if "forkserver.py" in " ".join(one.cmdline())]

        def test_one(bgasync):
            Deadline(30).wait_for(servers, every=0.05)
            (server,) = servers()
            assert server.cwd().endswith("/playbooks")
            assert bgasync.run("site.yml").ok
            assert servers() == [server]
        """
    )
    inner.run().assert_passed(1)


@pytest.mark.parametrize("option", [[], ["--bgasync-no-fork"]])
def test_an_option_starts_each_run_anew_and_lets_them_share_nothing(inner: Inner, option: list[str]) -> None:
    inner.test(
        f"""
        import psutil

        PING = "[{{hosts: all, gather_facts: false, tasks: [{{name: Ping, ping: }}]}}]"

        def test_one(bgasync):
            assert bgasync.run_text(PING).ok
            words = [word for one in psutil.Process().children() for word in one.cmdline()]
            assert any(word.endswith("forkserver.py") for word in words) is {not option}
        """
    )
    inner.run(*option).assert_passed(1)
    shared = list((inner.temp / "home/.cache/pytest-bgasync").glob("payloads/*"))
    assert bool(shared) is (not option), shared
