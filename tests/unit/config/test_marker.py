"""What the marker may say."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_bgasync.config.marker import Spec, parse_marker
from pytest_bgasync.util.errors import UsageProblem


def test_a_bare_marker_asks_for_one_host_and_no_more() -> None:
    assert parse_marker((), {}) == Spec(("host1",), None, None, None)


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        (3, ("host1", "host2", "host3")),
        (["db1", "web-1.example.org"], ("db1", "web-1.example.org")),
        (("b", "a"), ("b", "a")),
    ],
)
def test_hosts_are_a_count_or_a_list_in_the_order_given(hosts: object, names: tuple[str, ...]) -> None:
    assert parse_marker((), {"hosts": hosts}) == Spec(names)


def test_hosts_may_be_given_by_position() -> None:
    assert parse_marker((2,), {}).hosts == ("host1", "host2")


@pytest.mark.parametrize("name", ["web-servers", "1web", "web.prod", "eu/web", "R&D", "wéb"])
def test_a_group_has_any_name_that_a_play_can_say(name: str) -> None:
    assert parse_marker((), {"hosts": {name: ["a"]}}).groups == {name: ("a",)}


def test_a_host_may_be_in_two_groups_and_is_one_host() -> None:
    spec = parse_marker((), {"hosts": {"web": ["web1", "both"], "db": ["both", "db1"]}})
    assert spec.hosts == ("web1", "both", "db1")
    assert spec.groups == {"web": ("web1", "both"), "db": ("both", "db1")}


def test_image_and_time_scale_are_passed_on() -> None:
    spec = parse_marker((), {"image": "debian:12", "time_scale": 0.1})
    assert (spec.image, spec.time_scale) == ("debian:12", 0.1)


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [
        ({"host": 1}, r"no argument 'host'; it takes: hosts, image, inventory, services, time_scale"),
        ({"hosts": 0}, r"asks for 0 hosts: a scenario has at least one"),
        ({"hosts": -1}, r"asks for -1 hosts"),
        ({"hosts": []}, r"hosts is empty: a scenario has at least one host"),
        ({"hosts": {}}, r"asks for no hosts: a scenario has at least one"),
        ({"hosts": {"web": []}}, r"group 'web' is empty"),
        ({"hosts": {"web": "web1"}}, r"group 'web' is a list of host names, not 'web1'"),
        ({"hosts": {"web": 2}}, r"group 'web' is a list of host names, not 2"),
        ({"hosts": "db1"}, r"hosts is a count, a list of names, or a mapping .*, not 'db1'"),
        ({"hosts": b"db1"}, r"hosts is a count, .*, not b'db1'"),
        ({"hosts": True}, r"hosts is a count, .*, not True"),
        ({"hosts": 1.5}, r"hosts is a count, .*, not 1\.5"),
        ({"hosts": None}, r"hosts is a count, .*, not None"),
        ({"hosts": ["a_b"]}, r"'a_b' is no host name \(letters, digits and hyphens, in parts joined by dots; "),
        ({"hosts": ["-a"]}, r"'-a' is no host name"),
        ({"hosts": ["a-"]}, r"'a-' is no host name"),
        ({"hosts": ["a..b"]}, r"'a\.\.b' is no host name"),
        ({"hosts": [""]}, r"'' is no host name"),
        ({"hosts": ["a\n"]}, r"'a\\n' is no host name"),
        ({"hosts": ["a" * 64]}, r"'a{64}' is no host name"),
        ({"hosts": ["a" * 60 + ".abcd"]}, r"'a{60}\.abcd' is no host name .*; at most 64 characters\)"),
        ({"hosts": ["127.0.0.1"]}, r"'127\.0\.0\.1' is no host name .*; no address;"),
        ({"hosts": ["7"]}, r"'7' is no host name"),
        ({"hosts": [1]}, r"hosts: 1 is no host name"),
        ({"hosts": ["localhost"]}, r"'localhost' means something else to Ansible, rename it"),
        ({"hosts": ["All"]}, r"'All' means something else to Ansible"),
        ({"hosts": ["ungrouped"]}, r"'ungrouped' means something else to Ansible"),
        ({"hosts": ["db1", "db1"]}, r"hosts names 'db1' twice: each host has its own name"),
        ({"hosts": ["db1", "DB1"]}, r"hosts names 'DB1' twice"),
        ({"hosts": {"web": ["a", "a"]}}, r"group 'web' names 'a' twice"),
        ({"hosts": {"web": ["web"]}}, r"a host and a group of the same name 'web': rename one"),
        ({"hosts": {"": ["a"]}}, r"'' is no name for a group"),
        ({"hosts": {"web servers": ["a"]}}, r"'web servers' is no name for a group: no play could name it .*spaces"),
        ({"hosts": {"web:prod": ["a"]}}, r"'web:prod' is no name for a group"),
        ({"hosts": {"web[1]": ["a"]}}, r"'web\[1\]' is no name for a group"),
        ({"hosts": {"web*": ["a"]}}, r"'web\*' is no name for a group"),
        ({"hosts": {"~web": ["a"]}}, r"'~web' is no name for a group"),
        ({"hosts": {"{{ x }}": ["a"]}}, r"'{{ x }}' is no name for a group"),
        ({"hosts": {"all": ["a"]}}, r"'all' is no name for a group"),
        ({"hosts": {"ungrouped": ["a"]}}, r"'ungrouped' is no name for a group"),
        ({"hosts": {1: ["a"]}}, r"1 is no name for a group"),
        ({"image": ""}, r"image is the name of an image or a folder, not ''"),
        ({"image": "  "}, r"image is the name of an image or a folder, not '  '"),
        ({"image": 12}, r"image is the name of an image or a folder, not 12"),
        ({"services": "webhooks"}, r"services is a list of names, such as \['webhooks'\], not 'webhooks'"),
        ({"services": [1]}, r"services: 1 is no name of a service"),
        ({"services": ["a", "a"]}, r"services has 'a' twice"),
        ({"inventory": 1}, r"inventory is the path of an inventory, not 1"),
        ({"inventory": "hosts", "hosts": 2}, r"has both hosts and inventory"),
        ({"time_scale": 0}, r"time_scale: a time scale is a number above 0 and at most 1 .*, not 0"),
        ({"time_scale": 2}, r"time_scale: a time scale .*, not 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_one_sentence(kwargs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageProblem, match=f"^the bgasync marker.*{sentence}"):
        parse_marker((), kwargs)


@pytest.mark.parametrize("hosts", [["a" * 63], ["a" * 62 + ".b"]])
def test_a_host_name_may_be_as_long_as_linux_allows(hosts: list[str]) -> None:
    assert list(parse_marker((), {"hosts": hosts}).hosts) == hosts


def test_only_hosts_may_be_given_by_position_and_only_once() -> None:
    with pytest.raises(UsageProblem, match="takes one positional argument, hosts"):
        parse_marker((1, "debian:12"), {})
    with pytest.raises(UsageProblem, match="got hosts twice"):
        parse_marker((1,), {"hosts": 1})


def test_strict_and_allow_are_kept() -> None:
    spec = parse_marker((), {"strict": False, "allow": ("survivors", "running")})
    assert spec.strict is False
    assert spec.allow == {"survivors", "running"}
    assert parse_marker((), {}).strict is None


@pytest.mark.parametrize(
    ("kwargs", "sentence"),
    [
        ({"strict": "no"}, "strict is True or False, not 'no'"),
        ({"allow": "survivors"}, r"allow is a list of kinds, such as \('survivors',\), not 'survivors'"),
        ({"allow": 3}, "allow is a list of kinds"),
        ({"allow": ["survivor"]}, "no kind 'survivor'; those are: uncollected, running, survivors, swallowed"),
        ({"hosts": 251}, "asks for 251 hosts: a scenario has at most 250"),
    ],
)
def test_strict_and_allow_that_cannot_be_meant(kwargs: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageProblem, match=sentence):
        parse_marker((), kwargs)
