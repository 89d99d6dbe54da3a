"""What cannot be meant is refused before anything is started."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .inner import Inner, assert_no_insides

MARKERS = {
    "unknown argument": ("host=1", "no argument 'host'; it takes: hosts,"),
    "two positional arguments": ("1, 'debian'", "takes one positional argument"),
    "hosts twice": ("1, hosts=2", "got hosts twice"),
    "no hosts": ("hosts=0", "asks for 0 hosts"),
    "fewer than no hosts": ("hosts=-1", "asks for -1 hosts"),
    "an empty list": ("hosts=[]", "hosts is empty"),
    "an empty mapping": ("hosts={}", "asks for no hosts"),
    "a group without hosts": ("hosts={'web': []}", "group 'web' is empty"),
    "a truth value": ("hosts=True", "not True"),
    "one name as text": ("hosts='web1'", "not 'web1'"),
    "one name of a group as text": ("hosts={'web': 'web1'}", "not 'web1'"),
    "underscore": ("hosts=['db_1']", "'db_1' is no host name"),
    "space": ("hosts=['db 1']", "'db 1' is no host name"),
    "empty name": ("hosts=['']", "'' is no host name"),
    "trailing hyphen": ("hosts=['db-']", "'db-' is no host name"),
    "newline": ("hosts=['db1\\n']", "'db1\\n' is no host name"),
    "option": ("hosts=['-oProxyCommand=x']", "'-oProxyCommand=x' is no host name"),
    "no text": ("hosts=[1]", "1 is no host name"),
    "long label": ("hosts=['x' * 64]", "is no host name"),
    "long name": ("hosts=['.'.join(['x' * 60] * 5)]", "is no host name"),
    "in a group": ("hosts={'db': ['db_1']}", "group 'db': 'db_1' is no host name"),
    "localhost": ("hosts=['localhost']", "'localhost' means something else to Ansible"),
    "all": ("hosts=['all']", "'all' means something else to Ansible"),
    "group name": ("hosts={'app servers': ['web1']}", "'app servers' is no name for a group"),
    "group all": ("hosts={'all': ['web1']}", "'all' is no name for a group"),
    "host and group of one name": ("hosts={'web': ['web']}", "a host and a group of the same name 'web'"),
    "duplicate": ("hosts=['db1', 'db2', 'db1']", "names 'db1' twice"),
    "duplicate in other letters": ("hosts=['db1', 'DB1']", "names 'DB1' twice"),
    "duplicate in a group": ("hosts={'db': ['db1', 'db1']}", "group 'db' names 'db1' twice"),
    "time scale 0": ("time_scale=0", "time_scale: a time scale is a number above 0 and at most 1"),
    "time scale below 0": ("time_scale=-0.5", "not -0.5"),
    "time scale above 1": ("time_scale=1.01", "not 1.01"),
    "time scale nan": ("time_scale=float('nan')", "not nan"),
    "time scale truth value": ("time_scale=True", "not True"),
    "time scale text": ("time_scale='fast'", "not 'fast'"),
    "no image": ("image=''", "image is the name of an image or a folder, not ''"),
    "image no text": ("image=1", "image is the name of an image or a folder, not 1"),
}

INI = {
    "bgasync_time_scale = 0": "not '0'",
    "bgasync_time_scale = -1": "not '-1'",
    "bgasync_time_scale = 1.5": "not '1.5'",
    "bgasync_time_scale = fast": "not 'fast'",
    "bgasync_deadline = 0": "'0' is no number of real seconds above 0",
    "bgasync_deadline = soon": "'soon' is no number of real seconds above 0",
    "bgasync_memory = much": "'much' is no amount of memory",
    "bgasync_memory =": "'' is no amount of memory",
    "bgasync_pids = few": "'few' is no number of processes",
    "bgasync_pids = 1": "'1' is no number of processes",
}


@pytest.fixture(autouse=True)
def no_engine(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in this file may ask for a container engine."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/engine.sock")
    pytester.makeini("[pytest]")


def refused(result: pytest.RunResult, sentence: str, *, where: str = "") -> None:
    """See that a run was refused, as pytest refuses, with one sentence and nothing else."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    errors = [line for line in result.errlines if line.strip()]
    assert len(errors) == 1, result.errlines
    assert errors[0].startswith(f"ERROR: {where}")
    assert sentence in errors[0]
    assert_no_insides(str(result.stdout) + str(result.stderr))


@pytest.mark.parametrize(("arguments", "sentence"), MARKERS.values(), ids=MARKERS)
def test_a_marker_that_cannot_be_meant_is_refused_with_the_test_it_stands_on(
    pytester: pytest.Pytester, arguments: str, sentence: str
) -> None:
    pytester.makepyfile(
        test_inner=f"""
        import pytest

        @pytest.mark.bgasync({arguments})
        def test_never_run(bgasync):
            raise AssertionError
        """
    )
    result = pytester.runpytest_inprocess()
    refused(result, sentence, where="test_inner.py::test_never_run: the bgasync marker")


@pytest.mark.parametrize(
    "place",
    [
        "pytestmark = pytest.mark.bgasync(host=1)\ndef test_one(bgasync): pass",
        "@pytest.mark.bgasync(host=1)\nclass TestOne:\n    def test_one(self, bgasync): pass",
    ],
    ids=["module", "class"],
)
def test_a_bad_marker_on_a_module_or_class_is_refused(pytester: pytest.Pytester, place: str) -> None:
    pytester.makepyfile(test_inner=f"import pytest\n{place}")
    refused(pytester.runpytest_inprocess(), "no argument 'host'", where="test_inner.py::")


def test_a_bad_marker_is_refused_by_workers_of_xdist_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_inner="import pytest\n@pytest.mark.bgasync(host=1)\ndef test_one(bgasync): pass")
    result = pytester.runpytest_subprocess("-n", "2", timeout=60)
    assert result.ret != 0
    output = str(result.stdout) + str(result.stderr)
    assert "the bgasync marker has no argument 'host'" in output
    assert_no_insides(output)
    assert "KeyError" not in output


@pytest.mark.parametrize("value", ["0", "-0.1", "1.5", "nan", "inf", "fast"])
def test_a_time_scale_option_out_of_range_is_refused(pytester: pytest.Pytester, value: str) -> None:
    result = pytester.runpytest_inprocess(f"--bgasync-time-scale={value}")
    refused(result, "a time scale is a number above 0 and at most 1", where="--bgasync-time-scale")
    assert f"not {value!r}" in str(result.stderr)


@pytest.mark.parametrize(("line", "sentence"), INI.items(), ids=INI)
def test_an_ini_key_out_of_range_is_refused(pytester: pytest.Pytester, line: str, sentence: str) -> None:
    pytester.makeini(f"[pytest]\n{line}")
    result = pytester.runpytest_inprocess()
    refused(result, sentence)
    assert line.split(" ")[0] in str(result.stderr)


def test_pytest_lists_the_marker(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--markers")
    assert result.ret == 0
    assert len([line for line in result.outlines if line.startswith("@pytest.mark.bgasync(hosts=1")]) == 1


def test_pytest_lists_options_ini_keys_and_fixtures(pytester: pytest.Pytester) -> None:
    listed = str(pytester.runpytest_inprocess("--help").stdout)
    for key in ("image", "time_scale", "playbooks", "deadline"):
        assert f"bgasync_{key} (string)" in listed
    fixtures = str(pytester.runpytest_inprocess("--fixtures").stdout)
    assert "The hosts that the ``bgasync`` marker asks for, up and answering" in fixtures
    assert "bgasync_engine [session scope]" in fixtures


def test_the_page_of_options_lists_those_that_pytest_lists_in_groups(pytester: pytest.Pytester) -> None:
    listed = str(pytester.runpytest_inprocess("--help").stdout)
    page = (Path(__file__).parents[2] / "docs" / "options.md").read_text()
    options, keys = r"--bgasync-[a-z-]+", r"bgasync_[a-z_]+"
    assert set(re.findall(options, page)) == set(re.findall(f"^  ({options})", listed, re.MULTILINE))
    assert set(re.findall(keys, page)) == set(re.findall(rf"^  ({keys}) \(", listed, re.MULTILINE))
    groups = re.findall(r"^playbooks with background jobs \(bgasync\): (.*):$", listed, re.MULTILINE)
    assert groups == ["the hosts", "the runs", "checks of a whole session", "what is written of them"]


def test_the_marker_is_known_to_strict_markers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_inner="import pytest\n@pytest.mark.bgasync(hosts=2)\ndef test_one(): pass")
    # In a process of its own: there, what other tests have left to be collected is no warning of this one.
    pytester.runpytest_subprocess("--strict-markers", "-Werror").assert_outcomes(passed=1)


def test_a_marker_without_the_fixture_starts_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_inner="import pytest\n@pytest.mark.bgasync(hosts=2)\ndef test_one(): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    assert "background job" not in str(result.stdout)


def test_without_the_plugin_nothing_of_it_is_there(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_inner="""
        def test_does_without():
            pass

        def test_asks_for_it(bgasync):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:bgasync")
    result.assert_outcomes(passed=1, errors=1)
    assert "fixture 'bgasync' not found" in str(result.stdout)
    result = pytester.runpytest_inprocess("-p", "no:bgasync", "--bgasync-image=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_an_inventory_that_cannot_be_used_is_told_in_one_sentence(inner: Inner) -> None:
    inner.file("empty.ini", "[web]\n")
    inner.file("broken.yml", "all: [\n")
    inner.test("""
        import pytest

        @pytest.mark.parametrize("_", [
            pytest.param(name, marks=pytest.mark.bgasync(inventory=name))
            for name in ("nowhere.ini", "empty.ini", "broken.yml")
        ])
        def test_one(bgasync, _):
            pass
    """)
    ended = inner.run()
    assert ended.counts == {"errors": 3}, ended.output
    ended.assert_says("inventory 'nowhere.ini' is not there; looked for:", "empty.ini has no hosts: a scenario has at")
    ended.assert_says("broken.yml cannot be read: ")
    inner.assert_nothing_left()
