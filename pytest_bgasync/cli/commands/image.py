"""``bgasync image``: builds, lists and removes the images of hosts."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import closing
from pathlib import Path

from pytest_bgasync.cli.commands.common import engine_option, narrator, project, say
from pytest_bgasync.engine.client import find
from pytest_bgasync.engine.container_index import told
from pytest_bgasync.engine.image_transfer import Shelves
from pytest_bgasync.engine.images import Images, ours, remove_image
from pytest_bgasync.util.errors import UsageProblem
from pytest_bgasync.util.text import aligned

NAME = "image"
HELP = "build, list or remove the images of hosts"


def options(parser: ArgumentParser) -> None:
    """Add the options."""
    words = parser.add_subparsers(required=True, metavar="ACTION")
    build = words.add_parser("build", help="build what is missing, so that no test has to wait for it")
    build.add_argument(
        "name", metavar="NAME", nargs="?",
        help="the name of an image, or a folder with a Dockerfile (default: the ini key bgasync_image, else Debian 12)",
    )  # fmt: skip
    list_ = words.add_parser("list", help="list the images that were built")
    remove = words.add_parser("remove", help="remove images that were built")
    remove.add_argument("name", metavar="NAME", nargs="?", help="one that `bgasync image list` lists")
    remove.add_argument("--all", action="store_true", help="all of them")
    for action, function in ((build, _build), (list_, _list), (remove, _remove)):
        engine_option(action, several=True)
        action.set_defaults(action=function)


def work(chosen: Namespace) -> int:
    """Build, list or remove."""
    chosen.action(chosen)
    return 0


def _build(chosen: Namespace) -> None:
    settings, tell = project().settings(), narrator()
    wanted = chosen.name or settings.image
    engines = chosen.engines or [None]
    for number, named in enumerate(engines):
        with closing(find(named=named)) as engine, closing(Shelves(engines[:number])) as shelves:
            images = Images(engine, tell, shelves)
            with tell.during("getting the images"):
                # Localhost, services and folders with a Dockerfile stand on the default image.
                names = dict.fromkeys([images.target(), images.host_image(wanted, folders=(Path.cwd(), settings.root))])
            for name in names:
                say(f"{name} is there")


def _list(chosen: Namespace) -> None:
    for named in chosen.engines or [None]:
        with closing(find(named=named)) as engine:
            found = ours(engine)
            for line in aligned([[one.name, f"{one.size / 1e6:.0f} MB", f"{told(one.seconds)} old"] for one in found]):
                say(line)
            if not found:
                say("no image was built yet: bgasync image build")


def _remove(chosen: Namespace) -> None:
    if chosen.all == (chosen.name is not None):
        raise UsageProblem("name one image to remove, or say --all")
    for named in chosen.engines or [None]:
        with closing(find(named=named)) as engine:
            for name in [one.name for one in ours(engine)] if chosen.all else [chosen.name]:
                remove_image(engine, name)
                say(f"removed {name}")
