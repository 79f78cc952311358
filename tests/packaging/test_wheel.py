"""The wheel is whole: installed into an empty environment, it needs nothing of the checkout.

The environment holds the wheel and what the wheel itself declares to depend on, nothing else, so that an undeclared
import fails here and not at a centre. No network: the dependencies are links to those of the tests' environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import callrouter

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60
CARRIED = ("asterisk-config", "migrations", "examples")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and an empty folder to work in."""

    folder: Path
    work: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment; nothing of the checkout can be found from where it runs."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("CALLROUTER_", "PYTHON", "VIRTUAL_ENV"))}
        return subprocess.run(
            (str(self.folder / "bin" / command[0]), *command[1:]),
            cwd=self.work,
            env=clean | {"CALLROUTER_STATE": str(self.work / "state"), "CALLROUTER_LANGUAGE": "en"},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def ask(self, code: str) -> object:
        """Return what `code`, run by the environment's Python, prints as JSON."""
        done = self.run("python", "-c", code)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    _must((sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)), ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("empty") / "env"
    work = tmp_path_factory.mktemp("work")
    _must((sys.executable, "-m", "venv", "--without-pip", str(folder)), work)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python))
    _must((*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-cache-dir", str(wheel)), work)
    (site,) = folder.glob("lib/python*/site-packages")
    (metadata,) = site.glob("callrouter-*.dist-info")
    _link(PathDistribution(metadata), site)
    return Installed(folder, work)


def _must(command: tuple[str, ...], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def _link(wheel: Distribution, site: Path) -> None:
    """Link into `site` every package that `wheel` declares, and what those declare."""
    pending = [Requirement(text) for text in wheel.requires or ()]
    done: set[tuple[str, str]] = set()
    while pending:
        requirement = pending.pop()
        for extra in {"", *requirement.extras}:
            key = (canonicalize_name(requirement.name), extra)
            if key in done or (requirement.marker and not requirement.marker.evaluate()):
                continue
            done.add(key)
            found = distribution(requirement.name)
            for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
                link = site / top
                if not link.exists():
                    link.symlink_to(str(found.locate_file(top)))
            pending += [
                Requirement(text.split(";")[0])
                for text in found.requires or ()
                if (marker := Requirement(text).marker) is None or marker.evaluate({"extra": extra})
            ]


def test_package_is_taken_from_the_wheel_not_from_the_checkout(installed: Installed) -> None:
    where = installed.ask("import callrouter, json; print(json.dumps(callrouter.__file__))")
    assert isinstance(where, str)
    assert Path(where).is_relative_to(installed.folder)


def test_undeclared_package_is_not_there(installed: Installed) -> None:
    assert installed.run("python", "-c", "import pytest").returncode != 0


@pytest.mark.parametrize("name", CARRIED)
def test_folder_beside_the_package_travels_inside_it(installed: Installed, name: str) -> None:
    code = f"import json; from callrouter.resources import resource; print(json.dumps(str(resource({name!r}))))"
    carried = Path(str(installed.ask(code)))
    assert carried.is_relative_to(installed.folder)
    assert _files(carried) == _files(ROOT / name)
    assert _files(carried), f"{name} is empty"


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_texts_of_the_prompts_are_found_in_the_package(installed: Installed) -> None:
    code = (
        "import importlib.resources as r, json;"
        "print(json.dumps(r.files('callrouter.prompts').joinpath('catalogue.yaml').read_text('utf-8')))"
    )
    assert installed.ask(code) == (ROOT / "callrouter" / "prompts" / "catalogue.yaml").read_text("utf-8")


def test_no_file_of_the_package_is_left_out(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {f"callrouter/{name}" for name in _files(ROOT / "callrouter")} <= inside
    assert not {name.split("/")[0] for name in inside} & {"tests", "demo", "scripts"}


def test_every_module_can_be_imported(installed: Installed) -> None:
    code = (
        "import callrouter, importlib, json, pkgutil;"
        "names = [m.name for m in pkgutil.walk_packages(callrouter.__path__, 'callrouter.')"
        "         if not m.name.endswith('__main__')];"
        "[importlib.import_module(name) for name in names]; print(json.dumps(len(names)))"
    )
    assert isinstance(installed.ask(code), int)


def test_command_shows_its_help(installed: Installed) -> None:
    done = installed.run("callrouter", "--help")
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout


def test_command_knows_its_version(installed: Installed) -> None:
    assert installed.run("callrouter", "version").stdout.strip() == callrouter.__version__


def test_database_is_made_and_an_example_imported_by_the_wheel_alone(installed: Installed) -> None:
    migrated = installed.run("callrouter", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    code = "import json; from callrouter.resources import resource; print(json.dumps(str(resource('examples'))))"
    example = Path(str(installed.ask(code))) / "kab-malang.yaml"
    given = ("--yes", "--publish", "--why", "first table")
    imported = installed.run("callrouter", "routes", "import", str(example), *given)
    assert imported.returncode == 0, imported.stderr
    assert "Version 1 is stored" in imported.stderr
