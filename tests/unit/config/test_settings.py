"""The settings of a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_bgasync.config.settings import Limits, Settings, parse_settings, see_that_none_leads_away
from pytest_bgasync.util.errors import UsageProblem


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "image": "",
        "playbooks": "playbooks",
        "time_scale": "1",
        "memory": "1g",
        "pids": "1024",
        "strict": "true",
    }
    return parse_settings(root=Path("/project"), **{**values, "deadline": "600", "boot": "60", **changes})


def test_the_defaults_are_taken_over() -> None:
    limits = Limits("1g", 1024)
    assert settings() == Settings(Path("/project"), Path("/project/playbooks"), None, 1.0, 600.0, 60.0, limits, True)


def test_the_folder_of_playbooks_is_below_the_root_unless_it_is_absolute() -> None:
    assert settings(playbooks="ops/plays").playbooks == Path("/project/ops/plays")
    assert settings(playbooks="/srv/plays").playbooks == Path("/srv/plays")


def test_strict_is_written_as_pytest_writes_what_is_true_or_false() -> None:
    assert [settings(strict=word).strict for word in ("true", "Yes", "1", "false", "off", "0")] == [True] * 3 + [
        False
    ] * 3
    with pytest.raises(UsageProblem, match=r"ini key bgasync_strict: 'maybe' is neither true nor false"):
        settings(strict="maybe")


def test_names_of_webhook_receivers_are_host_names() -> None:
    assert settings(webhook_hosts=["a.example.com, b.example.com"]).webhook_hosts == ("a.example.com", "b.example.com")
    with pytest.raises(UsageProblem, match=r"ini key bgasync_webhook_hosts: 'https://a' is no host name"):
        settings(webhook_hosts=["https://a"])
    with pytest.raises(UsageProblem, match=r"ini key bgasync_webhook_hosts has a name twice: a, A"):
        settings(webhook_hosts=["a", "A"])


def test_an_empty_image_is_none_at_all() -> None:
    assert settings(image="").image is None
    assert settings(image="debian:12").image == "debian:12"


@pytest.mark.parametrize("memory", ["512m", "1g", "2G", "65536k"])
def test_memory_is_a_number_with_a_unit(memory: str) -> None:
    assert settings(memory=memory).limits.memory == memory


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"time_scale": "2"}, "--bgasync-time-scale or the ini key bgasync_time_scale: a time scale is .*, not '2'"),
        ({"deadline": "0"}, "bgasync_deadline: '0' is no number of real seconds above 0"),
        ({"deadline": "-1"}, "bgasync_deadline: '-1' is no"),
        ({"deadline": "soon"}, "bgasync_deadline: 'soon' is no"),
        ({"boot": "0"}, "bgasync_boot: '0' is no number of real seconds above 0"),
        ({"deadline": "nan"}, "bgasync_deadline: 'nan' is no"),
        ({"memory": ""}, "bgasync_memory: '' is no amount of memory from 64m on: write for example 512m or 1g"),
        ({"memory": "much"}, "bgasync_memory: 'much' is no"),
        ({"memory": "1t"}, "bgasync_memory: '1t' is no"),
        ({"memory": "1xg"}, "bgasync_memory: '1xg' is no"),
        ({"memory": "-1g"}, "bgasync_memory: '-1g' is no"),
        ({"pids": "15"}, "bgasync_pids: '15' is no number of processes from 16 on"),
        ({"pids": "-20"}, "bgasync_pids: '-20' is no"),
        ({"pids": "many"}, "bgasync_pids: 'many' is no"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_key_and_the_value(changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageProblem, match=sentence):
        settings(**changes)


def test_a_deadline_may_be_a_part_of_a_second() -> None:
    assert settings(deadline="0.5").deadline == 0.5


def test_sixteen_processes_are_the_fewest() -> None:
    assert settings(pids="16").limits.pids == 16


def test_each_option_of_coverage_turns_it_on(tmp_path: Path) -> None:
    assert not settings().cover
    assert settings(cover=True).cover
    assert settings(cover_json=str(tmp_path / "c.json")).cover_json == tmp_path / "c.json"
    assert (settings(cover_least="80.5").cover, settings(cover_least="80.5").cover_least) == (True, 80.5)


@pytest.mark.parametrize("least", ["", "x", "-1", "101", "nan"])
def test_a_percentage_is_a_number_from_0_to_100(least: str) -> None:
    with pytest.raises(UsageProblem, match=f"--bgasync-cov-fail-under: {least!r} is no number from 0 to 100"):
        settings(cover_least=least)


def test_a_file_for_coverage_needs_its_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="--bgasync-cov-json: there is no folder"):
        settings(cover_json=str(tmp_path / "none" / "c.json"))


def test_files_are_in_folders_that_are_there(tmp_path: Path) -> None:
    for option, name in (
        ("ledger", "ledger"),
        ("report", "report"),
        ("baseline", "baseline"),
        ("cover_json", "cov-json"),
    ):
        assert getattr(settings(**{option: str(tmp_path / "file")}), option) == tmp_path / "file"
        with pytest.raises(UsageProblem, match=rf"--bgasync-{name}: there is no folder .*/none"):
            settings(**{option: str(tmp_path / "none" / "file")})
        with pytest.raises(UsageProblem, match=rf"--bgasync-{name}: .* is a folder, name a file"):
            settings(**{option: str(tmp_path)})


def test_two_options_do_not_name_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("one")
    assert settings(ledger=str(tmp_path / "one"), report=str(tmp_path / "two"))
    with pytest.raises(UsageProblem, match=r"--bgasync-ledger and --bgasync-report name the same file, .*/link: give"):
        settings(ledger=str(tmp_path / "one"), report=str(tmp_path / "link"))


def test_a_file_that_is_to_be_written_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, _mode: path != tmp_path)  # root may write anywhere
    with pytest.raises(UsageProblem, match=r"--bgasync-report: .*/r.html cannot be written: name a file that you may"):
        settings(report=str(tmp_path / "r.html"))
    (tmp_path / "there.html").touch()
    assert settings(report=str(tmp_path / "there.html")).report == tmp_path / "there.html"
    assert settings(baseline=str(tmp_path / "b.yml")).baseline == tmp_path / "b.yml"  # it is only read
    with pytest.raises(UsageProblem, match=r"--bgasync-baseline: .* cannot be written"):
        settings(baseline=str(tmp_path / "b.yml"), update_baseline=True)


def test_a_baseline_is_written_where_it_is_named() -> None:
    with pytest.raises(UsageProblem, match="--bgasync-update-baseline: name the file to write with --bgasync-baseline"):
        settings(update_baseline=True)


def test_durations_are_left_alone_unless_a_ratio_says_otherwise() -> None:
    assert settings().baseline_durations is None
    assert settings(baseline_durations="1.5").baseline_durations == 1.5
    for value in ("half", "0.5", "-1", "nan", "inf"):
        with pytest.raises(UsageProblem, match=r"ini key bgasync_baseline_durations: .* is no number from 1 on"):
            settings(baseline_durations=value)


def test_records_are_kept_when_somebody_asks_for_them() -> None:
    asked = [settings(ledger="/tmp/l"), settings(report="/tmp/r"), settings(baseline="/tmp/b"), settings()]
    assert [one.keeps_records for one in asked] == [True, True, True, False]


def test_a_file_outside_of_the_project_is_no_argument_of_its_own(tmp_path: Path) -> None:
    (here := tmp_path / "here").mkdir()
    (tmp_path / "ledger").touch()
    (here / "own").touch()
    for harmless in (
        ["--bgasync-ledger=../ledger"],
        ["--bgasync-ledger", "own"],
        ["--bgasync-ledger", "../none"],
        ["../ledger"],
        ["--bgasync-ledger"],
    ):
        see_that_none_leads_away(["-q", *harmless], here)
    with pytest.raises(UsageProblem, match=r"^--bgasync-ledger: write --bgasync-ledger=../ledger, or pytest looks for"):
        see_that_none_leads_away(["-q", "--bgasync-ledger", "../ledger"], here)
