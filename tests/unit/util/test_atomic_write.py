"""Paths as messages show them."""

from __future__ import annotations

from pathlib import Path

from pytest_bgasync.util.atomic_write import plain


def test_detours_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "site.yml").touch()
    assert plain(tmp_path / "tests/../site.yml") == tmp_path / "site.yml"
    assert plain("tests/../nowhere/./x.yml") == Path("nowhere/x.yml")
    assert plain("../x.yml") == Path("../x.yml")


def test_a_detour_that_names_another_file_stays(tmp_path: Path) -> None:
    (tmp_path / "away/here").mkdir(parents=True)
    (tmp_path / "away/site.yml").touch()
    (tmp_path / "link").symlink_to("away/here")
    assert plain(tmp_path / "link/../site.yml") == tmp_path / "link/../site.yml"
    (tmp_path / "site.yml").touch()
    assert plain(tmp_path / "link/../site.yml") == tmp_path / "link/../site.yml"
