"""Services beside the hosts: any image, ready when they say so, their log with a failure, nothing left."""

from __future__ import annotations

import io
import signal

import pytest

from pytest_bgasync import Engine

from .inner import Inner

CONFTEST = """
    import pytest

    @pytest.fixture(scope="session", autouse=True)
    def described(bgasync_service):
        bgasync_service("bare", {image!r}, command=["/busybox", "httpd", "-f", "-p", "80", "-h", "/www"],
                        files={{"/www/index.html": "hello from a bare image"}}, aliases=["bare.example.com"], ready=80)
        bgasync_service("slow", command="echo not yet; exec sleep 100", ready="test -e /ready", within=1)
        bgasync_service("over", command="echo no configuration >&2; exit 3", ready=80)
        bgasync_service("clash", "debian", aliases=["host1"])

    @pytest.fixture
    def mine(bgasync_service, tmp_path):
        (tmp_path / "page").write_text("from a file")
        return bgasync_service("mine", command="cd /srv && exec python3 -m http.server $PORT",
                               environment={{"PORT": 8000}}, files={{"/srv/page": tmp_path / "page"}}, ready=8000)
"""
PROBLEMS = {
    "not ready": ("slow", "service slow (image ", "was not ready within 1 s (ready= ended with 1)", "not yet"),
    "ended": ("over", "service over (image ", ") ended. Its output ends with:", "no configuration"),
    "unknown": ("cache", "nobody has described 'cache'; there are: webhooks, bare, slow, over, clash"),
    "two places": ("clash", "the host name 'host1' is in two places: it is a host of the test and a name of"),
}


@pytest.fixture(scope="module")
def bare_image(bgasync_engine: Engine, target: str) -> str:
    """An image with a single static program and no shell that the harness could rely on."""
    recipe = [
        f"FROM {target} AS made",
        "RUN apt-get update -q && apt-get install -qy --no-install-recommends busybox-static",
        "FROM scratch",
        "COPY --from=made /bin/busybox /busybox",
    ]
    name = "bgasync-test/bare:1"
    bgasync_engine.client.images.build(fileobj=io.BytesIO("\n".join(recipe).encode()), tag=name, rm=True)
    return name


def test_a_service_may_have_any_image_and_its_log_is_shown_with_a_failure(inner: Inner, bare_image: str) -> None:
    inner.conftest(CONFTEST.format(image=bare_image))
    inner.ini("bgasync_webhook_hosts = hooks.example.com chat.example.com")
    inner.test("""
        import pytest

        @pytest.mark.bgasync(services=["bare", "mine", "webhooks"])
        def test_all_are_there(bgasync):
            assert list(bgasync.services) and set(bgasync.services) == {"bare", "mine", "webhooks"}
            for url, said in {"http://bare": "hello", "http://bare.example.com": "hello",
                              "http://mine:8000/page": "from a file"}.items():
                assert said in bgasync.host.run(f"curl -sS --fail {url}").stdout
            assert bgasync.host.run("curl -sS --fail https://chat.example.com/x").rc == 0
            assert bgasync.services["bare"].run(["/busybox", "echo", "yes"]).stdout == "yes\\n"
            assert bgasync.services["bare"].ip
            assert bgasync.localhost.run("curl -sS http://mine:8000/marker-of-a-request").rc == 0
            assert not "this test fails"
    """)
    ended = inner.run()
    assert ended.counts == {"failed": 1}, ended.output
    assert ended.output.count("log of the service mine") == 1
    assert "GET /marker-of-a-request" in ended.output, ended.output
    assert "GET https://chat.example.com/x from" in ended.output
    inner.assert_nothing_left()


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_service_that_cannot_be_is_told_in_one_sentence(inner: Inner, target: str, problem: str) -> None:
    service, *words = PROBLEMS[problem]
    inner.conftest(CONFTEST.format(image=target))
    inner.test(f"""
        import pytest

        @pytest.mark.bgasync(services=[{service!r}])
        def test_one(bgasync):
            pass
    """)
    ended = inner.run()
    assert ended.counts == {"errors": 1}, ended.output
    for word in words:
        assert word in ended.output, ended.output
    ended.assert_says(words[0])
    inner.assert_nothing_left()


def test_a_webhook_host_that_is_a_host_too_is_refused_before_anything_starts(inner: Inner) -> None:
    inner.test("""
        import pytest

        @pytest.mark.bgasync(hosts=["hooks.example.com"], services=["webhooks"])
        def test_one(bgasync):
            pass
    """)
    inner.run().assert_says("the host name 'hooks.example.com' is in two places: it is a host of the test and one of")


def test_pytest_killed_with_sigkill_leaves_no_service(inner: Inner, bare_image: str) -> None:
    inner.conftest(CONFTEST.format(image=bare_image))
    inner.test("""
        import pathlib, pytest, time

        @pytest.mark.bgasync(services=["bare", "webhooks"])
        def test_one(bgasync):
            pathlib.Path("up").touch()
            time.sleep(300)
    """)
    run = inner.start()
    run.wait_for((inner.path / "up").exists, "the services are up")
    assert len(inner.containers("running")) == 4  # host, receiver, and the service beside ours
    run.kill()
    assert run.wait().rc == -signal.SIGKILL
    assert inner.bgasync("clean").rc == 0
    inner.assert_nothing_left()
