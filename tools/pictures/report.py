"""Writes the pictures of docs/report.md: runs two tests, one of which fails, and shows their report in Chromium.

Needs an engine, and Chromium on the PATH.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

PICTURES = Path(__file__).parent.parent.parent / "docs/pictures"
SIZE = ViewportSize(width=1200, height=800)
PLAYBOOK = """\
- name: Release
  hosts: all
  gather_facts: false
  tasks:
    - name: Warm the cache
      ansible.builtin.command: sleep {{ item.seconds }}
      async: 60
      poll: 0
      loop: [{name: prices, seconds: 1.5}, {name: pages, seconds: 3}]
      loop_control: {label: "{{ item.name }}"}
      register: warming
    - name: Release it
      block:
        - name: Migrate
          ansible.builtin.command: sleep {{ migration }}
          async: 50
          poll: 0
          register: migrating
          when: inventory_hostname == 'db1'
        - name: Wait for the migration
          ansible.builtin.async_status: {jid: "{{ migrating.ansible_job_id }}"}
          register: answer
          until: answer is finished
          retries: 30
          delay: 4
          when: migrating.ansible_job_id is defined
      rescue:
        - name: Roll back
          ansible.builtin.command: sleep 0.4
        - name: Tell that it failed
          ansible.builtin.uri: {url: "http://hooks.example.com/failed", method: POST}
    - name: Wait for the caches
      ansible.builtin.async_status: {jid: "{{ item.ansible_job_id }}"}
      loop: "{{ warming.results }}"
      loop_control: {label: "{{ item.item.name }}"}
      register: warm
      until: warm is finished
      retries: 20
      delay: 4
      ignore_errors: true
    - name: Tell that it is over
      ansible.builtin.uri: {url: "http://hooks.example.com/over", method: POST}
      run_once: true
"""
TESTS = """\
import pytest

START = "setsid /opt/shop > /dev/null 2>&1 < /dev/null & until ss -Hltn | grep -q 8080; do sleep 0.1; done"


@pytest.mark.bgasync(hosts=["web1", "web2", "db1"], services=["webhooks"], time_scale=0.1, strict=False)
def test_nobody_notices_a_release(bgasync):
    web1, web2, db1 = bgasync.hosts.values()
    web1.stub("/opt/shop", listens=8080)
    web1.run(START)
    with bgasync.traffic("http://web1:8080/") as traffic:
        with bgasync.start("release.yml", extra_vars={"migration": 9}, pause_before=["Migrate"]) as running:
            running.wait_for("Migrate")
            running.jobs.one("Warm the cache", host="web2", item="pages").kill()
            running.resume()
            web1.run("sleep 1; pkill -f /opt/shop$; sleep 0.8; " + START)
            with web2.freeze():
                db1.run("sleep 0.7")
            run = running.wait()
    assert traffic.failed == 0


@pytest.mark.bgasync(hosts=["web1", "db1"], services=["webhooks"], time_scale=0.1)
def test_a_release_tells_that_it_is_over(bgasync):
    assert bgasync.run("release.yml", extra_vars={"migration": 1}).ok
"""


def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "playbooks").mkdir()
        (folder / "playbooks/release.yml").write_text(PLAYBOOK)
        (folder / "test_release.py").write_text(TESTS)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--bgasync-report", "report.html"]
        ended = subprocess.run(command, cwd=folder, check=False)
        if ended.returncode != 1:
            sys.exit(f"one of the two tests was to fail; pytest ended with {ended.returncode}")
        shoot(folder / "report.html")


def shoot(report: Path) -> None:
    """Show a report in Chromium, light, and dark with the details of a job."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("there is no Chromium here: install the package chromium")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path) as browser:
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(report.as_uri())
        page.screenshot(path=PICTURES / "report-light.png")
        page.emulate_media(color_scheme="dark")
        page.locator(".test .bar.job.failed").first.click()
        page.screenshot(path=PICTURES / "report-dark.png")


if __name__ == "__main__":
    main()
