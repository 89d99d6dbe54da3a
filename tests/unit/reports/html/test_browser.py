"""The report's page in a real Chromium, from a file and without a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pytest_bgasync.reports.html.page import page as report
from pytest_bgasync.reports.html.page import shown
from pytest_bgasync.reports.ledger import Record

from .made import SESSION, deed, ended, finding, job, known, poll, request, run, stream, task

Opened = Callable[..., Page]
#: What WCAG asks of text at level AA.
CONTRAST = 4.5
#: Returns for each element with a text of its own that has less contrast than that: its text, its class, the contrast.
FAINT = """(least) => {
    const number = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => number(colour).slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = (element) => {
        const back = getComputedStyle(element).backgroundColor, alpha = number(back)[3] ?? 1;
        return alpha === 0 ? behind(element.parentElement) : back;
    };
    const faint = [];
    for (const element of document.body.querySelectorAll("*")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.getClientRects().length || element.closest("script")) continue;
        const pair = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => b - a);
        const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (contrast < least) faint.push([element.textContent, element.className, contrast]);
    }
    return faint;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium of this machine."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium here: install the package chromium")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path) as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """A function that opens the page of some tests; what the page complains of or asks a network for fails the test."""
    wrong: list[str] = []
    context = browser.new_context(offline=True)

    def open_page(*tests: Record, coverage: Record | None = None, width: int = 1280, scheme: str = "light") -> Page:
        path = tmp_path / "report.html"
        path.write_text(report(SESSION, map(shown, tests), coverage), encoding="utf-8")
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_default_timeout(5000)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: wrong.append(asked.url) if asked.url != path.as_uri() else None)
        page.goto(path.as_uri())
        return page

    yield open_page
    context.close()
    assert wrong == []


def eventful(**fields: object) -> Record:
    """Return a test with everything that a timeline can show."""
    one = run(
        job(
            "Migrate", began=2, took=8, outcome="failed", rc=3, limit_wall=6, stderr="locked", polls=[poll(5)],
            deeds=[deed("freeze", 4)],
        ),
        *(job(outcome, "web2", outcome=outcome) for outcome in ("timed_out", "lost", "unreachable", "running")),
        tasks=(task("Launch", took=2), task("Wait", began=3, took=7, status="failed")),
        rc=2,
    )  # fmt: skip
    other = run(job("Clean", began=50, took=2), began=50.0, ended=55.0, playbook="playbooks/clean.yml")
    return known(one, other, **{
        "nodeid": "tests/test_release.py::test_release", "outcome": "failed", "findings": [finding()],
        "failure": "E   assert 2 == 0", "deeds": {"web2": [deed("isolate", 6, 9)]}, "webhooks": [request(11)],
        "traffic": [stream(6.5, 7.5)], "time_scale": 0.5, **fields,
    })  # fmt: skip


def focused(page: Page) -> str:
    """Return what the element with the focus is called."""
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id"))


def test_failures_are_open_and_all_else_is_drawn_when_it_is_opened(opened: Opened) -> None:
    page = opened(known(run(job())), eventful(), ended(outcome="skipped", nodeid="test_other.py::test_other"))
    first, second, _ = page.locator(".test").all()
    expect(first.locator("summary").first).to_have_text(
        "✕failedtests/test_release.py::test_release"
        "2 runs · 6 jobs: 1 failed, 1 timed out, 1 lost, 1 unreachable, 1 running, 1 succeeded · 8.0 s"
    )
    assert first.locator(".bar.job").count() == 6
    marks = {kind: first.locator(f".{kind}").count() for kind in ("limit", "poll", "deed", "band", "failure")}
    assert marks == {"limit": 1, "poll": 1, "deed": 1, "band": 1, "failure": 2}
    assert second.locator(".bar").count() == 0
    second.locator("summary").first.click()
    expect(second.locator(".bar.job")).to_have_count(1)


def test_the_remarks_of_a_test_that_failed_are_open(opened: Opened) -> None:
    remark = finding(kind="no_rc", what="it reads an rc", fails=False)
    page = opened(known(run(), findings=[remark]), eventful(findings=[remark]))
    failed, passed = page.locator(".test").all()
    expect(failed.get_by_text("it reads an rc")).to_be_visible()
    passed.locator("summary").first.click()
    expect(passed.get_by_text("Remarks")).to_be_visible()
    expect(passed.get_by_text("it reads an rc")).to_be_hidden()


def test_a_click_shows_all_that_is_known_of_a_job_and_escape_goes_back(opened: Opened) -> None:
    page = opened(eventful())
    bar = page.locator(".test .bar.job.failed")
    bar.click()
    details = page.get_by_role("dialog", name="Migrate")
    expect(details).to_contain_text("done to itfreeze at 4.0 s")
    expect(details.locator("pre")).to_have_text("locked")
    page.keyboard.press("Escape")
    expect(details).to_be_hidden()
    expect(bar).to_be_focused()


def test_everything_can_be_reached_without_a_mouse(opened: Opened) -> None:
    page = opened(eventful())
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(focused(page))
        if reached[-1].startswith("run "):
            break
    assert "text" in reached
    assert "Zoom in" in reached
    assert reached[-1] == "run playbooks/site.yml · rc 2, failed, runs, at 0.00 s, 20 s"
    for key, name in (
        ("ArrowRight", "run playbooks/clean.yml"),
        ("Home", "run playbooks/site.yml"),
        ("ArrowDown", "task Launch, ok, web1"),
        ("End", "task Wait, failed, web1"),
        ("ArrowDown", "job Migrate, failed, web1"),
        ("ArrowRight", "job Clean, succeeded, web1"),
        ("ArrowLeft", "job Migrate, failed, web1"),
        ("ArrowUp", "task Wait"),
    ):
        page.keyboard.press(key)
        assert focused(page).startswith(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Wait")).to_be_focused()
    page.keyboard.press("Escape")
    assert focused(page).startswith("task Wait")
    page.keyboard.press("+")
    assert page.locator(".canvas").first.evaluate("canvas => canvas.style.width") == "200%"


def test_the_filter_takes_words_and_outcomes(opened: Opened) -> None:
    page = opened(eventful(), known(run(job("Back up"))), ended(outcome="skipped", nodeid="test_other.py::test_other"))
    visible = page.locator(".test:visible")
    page.get_by_label("Filter", exact=True).fill("migrate WEB2")
    expect(visible).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 of 3 tests")
    page.get_by_label("Filter", exact=True).fill("")
    expect(visible).to_have_count(3)
    page.get_by_label("1 skipped").press(" ")
    expect(visible).to_have_count(2)


def test_a_run_can_be_zoomed_to(opened: Opened) -> None:
    page = opened(eventful())
    bar = page.locator(".test .bar.job.succeeded")
    assert bar.bounding_box()["width"] < 50  # type: ignore[index]  # it is visible
    page.get_by_role("button", name="Show run 2").click()
    box, scroller = bar.bounding_box(), page.locator(".scroller").bounding_box()
    assert box
    assert scroller
    assert box["width"] > 300
    assert scroller["x"] < box["x"] < box["x"] + box["width"] < scroller["x"] + scroller["width"]


def test_texts_are_shown_as_they_are_and_never_run(opened: Opened) -> None:
    evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    page = opened(known(run(job(evil, stdout=evil, outcome="failed")), nodeid=f"t.py::test[{evil}]", failure=evil))
    page.locator(".test .bar.job").click()
    expect(page.locator("#details-title")).to_have_text(evil)
    expect(page.locator("#texts pre")).to_have_text(evil)
    assert page.locator("img").count() == 0
    assert page.title() == "Background jobs"


def test_five_hundred_jobs_at_once_are_drawn_within_five_seconds(opened: Opened) -> None:
    jobs = [job("Back up", item=str(number), took=60, polls=[poll(at) for at in range(60)]) for number in range(500)]
    page = opened(known(run(*jobs)))
    assert page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 5000
    bars = page.locator(".test .bar.job")
    assert bars.count() == 500
    bars.last.click()
    expect(page.get_by_role("dialog", name="Back up (499)")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(opened: Opened, scheme: str) -> None:
    tests = [ended(outcome=outcome) for outcome in ("crashed", "error", "interrupted", "xpassed", "xfailed", "skipped")]
    page = opened(eventful(), *tests, scheme=scheme)
    page.locator("#legend > summary").click()
    page.locator(".test .bar.job.failed").click()
    assert page.evaluate(FAINT, CONTRAST) == []
    assert page.evaluate(FAINT, 21.5) != []  # the measure measures


def test_a_narrow_window_is_wide_enough(opened: Opened) -> None:
    page = opened(eventful(), width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".test .bar.job.failed").click()
    expect(page.get_by_role("button", name="Close the details")).to_be_in_viewport()


def test_coverage_says_what_never_ran_and_which_outcomes_were_tried(opened: Opened) -> None:
    site = {
        "tasks": [{"line": 3, "name": "Work"}, {"line": 9, "name": "Roll back"}],
        "missing": [9],
        "missing_where_something_has_gone_wrong": [9],
        "outcomes": {"3": {"succeeded": True, "failed": False}},
    }
    page = opened(known(run()), coverage={"percent": 50.0, "files": {"site.yml": site}})
    coverage = page.get_by_role("region", name="Tasks that have run")
    expect(coverage).to_contain_text("1 of 2 tasks have run (50 %).")
    files, outcomes = coverage.locator("tbody tr").all()
    assert files.locator("th, td").all_inner_texts() == [
        "site.yml", "2", "1", "50 %", "9 Roll back - where something has gone wrong",
    ]  # fmt: skip
    assert outcomes.locator("th, td").all_inner_texts()[:2] == ["Work", "site.yml:3"]
    expect(outcomes).to_contain_text("tried- not")


def test_a_session_without_such_tests_says_so(opened: Opened) -> None:
    expect(opened().locator("#tests")).to_have_text("No test of this session used the fixture bgasync.")
