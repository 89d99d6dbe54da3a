"""What a host is made of: limits, ports, and what an image lacks."""

from __future__ import annotations

from pytest_bgasync import Engine, Lab

from .inner import Inner


def test_a_host_may_use_only_so_much_and_listens_to_this_machine_only(bgasync: Lab) -> None:
    for host in (bgasync.host, bgasync.localhost):
        attrs = host.container.attrs
        assert attrs["HostConfig"]["Memory"] == 1024**3
        assert attrs["HostConfig"]["PidsLimit"] == 1024
        assert [port["HostIp"] for port in attrs["NetworkSettings"]["Ports"]["22/tcp"]] == ["127.0.0.1"]


def test_a_host_has_what_playbooks_call_and_neither_cron_nor_privileges(bgasync: Lab) -> None:
    packages = "python3 openssh-server sudo acl curl ca-certificates procps iproute2 logrotate python3-apt"
    installed = bgasync.host.run(f"dpkg-query --show --showformat '${{db:Status-Status}} ' {packages}")
    assert installed.stdout.split() == ["installed"] * len(packages.split()), installed.stderr
    assert bgasync.host.run("command -v cron crond anacron").stdout == ""
    for host in (bgasync.host, bgasync.localhost):
        settings = host.container.attrs["HostConfig"]
        assert not settings["Privileged"]
        assert not settings["CapAdd"]


def test_ansible_pipelines(bgasync: Lab) -> None:
    run = bgasync.run_text("- {hosts: all, gather_facts: false, tasks: [{command: 'true'}]}", args=["-vvv"])
    assert "EXEC" in run.stdout
    assert "PUT" not in run.stdout  # no module is copied


def test_what_a_bare_debian_lacks_is_added_by_itself(inner: Inner, bgasync_engine: Engine) -> None:
    (bare,) = {tag for image in bgasync_engine.client.images.list("bgasync/base") for tag in image.tags}
    look = ["sh", "-c", "command -v sshd python3 sudo || true"]
    assert bgasync_engine.client.containers.run(bare, look, remove=True) == b""
    inner.test(
        f"""
        import pytest

        @pytest.mark.bgasync(image={bare!r})
        def test_one(bgasync):
            text = "- {{hosts: all, tasks: [{{name: Who, become: true, command: whoami}}]}}"
            assert bgasync.run_text(text).result("Who").stdout == "root"
        """
    )
    inner.run().assert_passed(1)
    inner.assert_nothing_left()


def test_memory_that_ran_out_is_in_the_report(inner: Inner) -> None:
    inner.ini("bgasync_memory = 64m")
    inner.test("""
def test_one(bgasync):
    greedy = ["python3", "-c", "x = []\\nwhile True: x.append(b'x' * (1 << 20))"]
    assert bgasync.host.run(greedy).rc == 0
""")
    ended = inner.run()
    assert (ended.rc, ended.counts) == (1, {"failed": 1})
    ended.assert_says(
        "- memory -", "host1: memory ran out (the kernel ended 1 process): raise the ini key bgasync_memory"
    )
