"""What is built for others: files of wheel and sdist, and the demo far from here."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "openmm_cgvae"
DATA = {
    "data": ("pdb", "xtc", "json"),
    "experiments": ("csv",),
    "html_report": ("css", "html", "js"),
    "pretrained": ("cgvae",),
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and sdist of a copy of the checkout that holds some rubbish besides."""
    source = tmp_path_factory.mktemp("source") / "checkout"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "generated")
    shutil.copytree(ROOT, source, ignore=ignored)
    (source / PACKAGE / "pretrained" / "notes.txt").write_text("not shipped")
    (source / "notes.txt").write_text("not shipped")
    output = source.parent / "dist"
    subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "build",
                "--no-isolation",
                "--skip-dependency-check",
            ),
            *("--outdir", str(output), str(source)),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,), (sdist,) = output.glob("*.whl"), output.glob("*.tar.gz")
    return source, wheel, sdist


def wanted_files(source):
    package = source / PACKAGE
    found = set(package.rglob("*.py"))
    for folder, endings in DATA.items():
        for ending in endings:
            found |= set((package / folder).glob(f"*.{ending}"))
    return {path.relative_to(source).as_posix() for path in found}


def test_the_wheel_has_the_package_its_models_and_data_and_nothing_else(built):
    source, wheel, _ = built
    names = zipfile.ZipFile(wheel).namelist()
    files = {name for name in names if ".dist-info/" not in name}
    assert files == wanted_files(source)
    assert any(name.endswith("-3.cgvae") for name in files)
    assert any(name.endswith("LICENSE") for name in names)


def test_the_sdist_has_what_the_wheel_is_made_from_and_nothing_else(built):
    source, _, sdist = built
    with tarfile.open(sdist) as archive:
        names = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    files = {name for name in names if ".egg-info/" not in name}
    ours = {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml"}
    assert files == wanted_files(source) | ours | {"setup.cfg"}


def test_the_demo_runs_where_nothing_of_the_checkout_is(built, tmp_path):
    """In an environment of its own, in a folder that cannot be written afterwards."""
    _, wheel, _ = built
    place = tmp_path / "a place of its own, Übung"
    venv.create(place / "env", with_pip=False, symlinks=True)
    binaries = place / "env" / "bin"
    run_in(
        place, sys.executable, "-m", "pip", "--python", str(binaries / "python"),
        *("install", "--quiet", "--no-deps", "--no-index", str(wheel)),
    )  # fmt: skip
    # Everything but the package itself is that of the tests.
    (site,) = (place / "env" / "lib").glob("python*/site-packages")
    (site / "others.pth").write_text(others_on_the_path())
    for path in [*site.rglob("*"), site]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        where = run_in(
            place, str(binaries / "python"), "-P", "-c",
            "import openmm_cgvae; print(openmm_cgvae.__file__)",
        )  # fmt: skip
        assert Path(where.strip()).is_relative_to(site)
        said = run_in(place, str(binaries / "openmm-cgvae"), "demo", "--output", "made")
    finally:
        for path in [site, *site.rglob("*")]:
            path.chmod(0o755)
    assert "beads kept" in said
    assert (place / "made" / "continued.xtc").stat().st_size > 0


def others_on_the_path():
    """Folders of installed packages; an editable install of ours is no folder."""
    return "\n".join(p for p in sys.path if p.endswith("site-packages"))


def run_in(folder, *words):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
