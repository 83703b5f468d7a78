"""What is built for others: files of wheel and sdist, and the demo far from here."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import MDAnalysis as mda
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "openmm_cgvae"
DATA = {
    "data": ("pdb", "xtc", "json"),
    "evaluation/experiments": ("csv",),
    "evaluation/html_report": ("css", "html", "js"),
    "model/pretrained": ("cgvae",),
}

CAPABILITIES = ("inh-caps", "bounding-set")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and sdist of a copy of the checkout that holds some rubbish besides."""
    source = tmp_path_factory.mktemp("source") / "checkout"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "generated")
    shutil.copytree(ROOT, source, ignore=ignored)
    (source / PACKAGE / "model" / "pretrained" / "notes.txt").write_text("not shipped")
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


@pytest.fixture
def installed(built, tmp_path):
    """An environment of its own, in a folder that nobody may write to."""
    _, wheel, _ = built
    place = tmp_path / "a place of its own, Übung"
    venv.create(place / "env", with_pip=False, symlinks=True)
    binaries = place / "env" / "bin"
    run_in(
        place, sys.executable, "-m", "pip", "--python", str(binaries / "python"),
        *("install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)),
    )  # fmt: skip
    # Everything but the package itself is that of the tests.
    (site,) = (place / "env" / "lib").glob("python*/site-packages")
    (site / "others.pth").write_text(others_on_the_path())
    for path in [*site.rglob("*"), site]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place, binaries, site
    for path in [site, *site.rglob("*")]:
        path.chmod(0o755)


def test_it_runs_where_nothing_of_the_checkout_is_and_nothing_can_be_written(
    installed,
):
    place, binaries, site = installed

    def run(*words):
        return run_in(place, *without_rights(), *map(str, words))

    probe = "import sys; open(sys.argv[1], 'w')"
    with pytest.raises(AssertionError, match="Permission denied"):
        run(binaries / "python", "-P", "-c", probe, site / "openmm_cgvae" / "it.py")
    where = run(
        *(binaries / "python", "-P", "-c"),
        "import openmm_cgvae; print(openmm_cgvae.__file__)",
    )
    assert Path(where.strip()).is_relative_to(site)
    program = binaries / "openmm-cgvae"
    assert "beads kept" in run(program, "demo", "--output", "für alle")
    made = place / "für alle"
    assert (made / "continued.xtc").stat().st_size > 0
    run(
        *(program, "sample", "--topology", made / "beads.pdb"),
        *("--n", "3", "--output", made / "ein Molekül.pdb"),
    )
    atoms = mda.Universe(str(made / "ein Molekül.pdb"))
    assert (len(atoms.atoms), len(atoms.trajectory)) == (22, 3)


def test_plug_ins_are_tested_with_the_wheel_alone(installed):
    place, binaries, _ = installed
    for path in (ROOT / "tests" / "_runtime" / "plugin").glob("*.py"):
        shutil.copy(path, place)
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:jaxtyping")
    assert " passed" in run_in(place, str(binaries / "python"), *words, ".")


def without_rights():
    """What takes from root the right to write where nobody may."""
    if os.geteuid():
        return ()
    return ("setpriv", *(f"--{which}=-dac_override" for which in CAPABILITIES))


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
