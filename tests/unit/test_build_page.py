"""`make web`: what is built when, and what is said where it cannot be. Node and npm are scripts."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.build_page import BuildError, build_page

NPM = """#!/bin/sh
echo "$*" >> calls
case "$1" in
  ci) mkdir -p node_modules ;;
  run) test ! -e src/broken.ts || exit 1
       mkdir -p ../src/strikewire/api/page
       echo page > ../src/strikewire/api/page/index.html ;;
esac
"""
CI = "ci --ignore-scripts --no-audit --no-fund"
BUILD = "run build"


class Checkout:
    """A checkout with a page to build, and the programs it is built with."""

    def __init__(self, root):
        self.root = root
        self.web = root / "web"
        (self.web / "src").mkdir(parents=True)
        (self.web / "src" / "main.ts").write_text("candles")
        (self.web / "package.json").write_text("{}")
        (self.web / "package-lock.json").write_text("{}")
        self.bin = root / "bin"
        self.bin.mkdir()
        self.provide("node", "#!/bin/sh\necho v20.19.0\n")
        # What it was called with is noted outside web/, or it would change what is built.
        self.provide("npm", NPM.replace(">> calls", f">> {root / 'calls'}"))

    def provide(self, name, script):
        path = self.bin / name
        path.write_text(script)
        path.chmod(0o755)

    def build(self):
        """Build, and return what npm was asked for."""
        calls = self.root / "calls"
        calls.unlink(missing_ok=True)
        is_built = build_page(self.root)
        asked = calls.read_text().splitlines() if calls.exists() else []
        assert is_built == (BUILD in asked)
        return asked


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    made = Checkout(tmp_path)
    tools = [str(Path(shutil.which(name)).parent) for name in ("sh", "mkdir")]
    monkeypatch.setenv("PATH", os.pathsep.join([str(made.bin), *tools]))
    return made


def test_page_is_built_once_and_again_when_its_sources_change(checkout):
    assert checkout.build() == [CI, BUILD]
    assert checkout.build() == []
    (checkout.web / "src" / "main.ts").write_text("volume")
    assert checkout.build() == [BUILD]
    (checkout.web / "src" / "main.ts").rename(checkout.web / "src" / "chart.ts")
    assert checkout.build() == [BUILD]
    assert checkout.build() == []


def test_packages_are_installed_again_when_their_list_changes(checkout):
    checkout.build()
    (checkout.web / "package-lock.json").write_text('{"lockfileVersion": 3}')
    assert checkout.build() == [CI, BUILD]


def test_page_that_is_gone_is_built_again(checkout):
    checkout.build()
    shutil.rmtree(checkout.root / "src")
    assert checkout.build() == [BUILD]
    shutil.rmtree(checkout.web / "node_modules")
    assert checkout.build() == [CI, BUILD]


def test_of_two_builds_at_once_one_waits_and_finds_it_built(checkout):
    with ThreadPoolExecutor(2) as threads:
        built = list(threads.map(build_page, [checkout.root] * 2))
    assert sorted(built) == [False, True]
    assert (checkout.root / "calls").read_text().splitlines() == [CI, BUILD]


def test_build_that_fails_is_tried_again(checkout):
    checkout.build()
    broken = checkout.web / "src" / "broken.ts"
    broken.write_text("(")
    for _ in range(2):
        with pytest.raises(BuildError, match="npm run build failed"):
            checkout.build()
    broken.unlink()
    assert checkout.build() == [BUILD]


@pytest.mark.parametrize("version", ["v18.20.4", "v20.18.9", ""])
def test_node_that_is_too_old_is_named_with_what_is_wanted(checkout, version):
    checkout.provide("node", f"#!/bin/sh\necho {version}\n")
    with pytest.raises(BuildError, match=r"Node 20\.19 or newer, with npm, is needed"):
        checkout.build()


@pytest.mark.parametrize("version", ["v20.19.0", "v22.1.0", "v100.0.0"])
def test_node_that_is_new_enough_is_taken(checkout, version):
    checkout.provide("node", f"#!/bin/sh\necho {version}\n")
    assert checkout.build() == [CI, BUILD]


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_missing_program_is_named(checkout, missing, monkeypatch):
    (checkout.bin / missing).unlink()
    monkeypatch.setenv("PATH", str(checkout.bin))
    with pytest.raises(BuildError, match=f"found no {missing} on the PATH"):
        checkout.build()
