"""What is promised around the code: names, versions, files, first commands."""

import configparser
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import openmm_cgvae

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
HEAVY = ("torch", "openmm", "MDAnalysis", "lightning", "pandas", "matplotlib")


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def setup_options():
    parser = configparser.ConfigParser()
    parser.read_string(text_of("setup.cfg"))
    return parser


def requirements(*extras):
    """Direct requirements by canonical name, with those of some extras."""
    options = setup_options()
    lines = options["options"]["install_requires"].split("\n")
    for extra in extras:
        lines += options["options.extras_require"][extra].split("\n")
    found = [Requirement(line) for line in lines if line.strip()]
    return {canonicalize_name(found.name): found for found in found}


def python_in(*lines):
    """Run lines in a fresh interpreter and give what they print."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class TestRequirements:
    def test_conda_environment_is_that_of_pip(self):
        lines = re.findall(r"^  - (\S+) (>=\S+)", text_of("environment.yml"), re.M)
        conda = dict(lines)
        python = conda.pop("python")
        assert python == setup_options()["options"]["python_requires"]
        wanted = requirements("plots").items()
        assert conda == {
            CONDA_NAMES.get(name, name): str(need.specifier) for name, need in wanted
        }

    def test_every_direct_one_is_pinned(self):
        pins = {
            canonicalize_name(Requirement(line).name): Requirement(line).specifier
            for line in text_of("constraints.txt").splitlines()
            if line.strip()
        }
        needed = requirements("plots", "docs", "view", "test", "testing")
        assert needed.keys() - pins.keys() == set()
        for name, need in needed.items():
            (pin,) = pins[name]
            assert pin.operator == "=="
            assert need.specifier.contains(pin.version)

    def test_every_one_has_a_lower_bound(self):
        for need in requirements("plots", "docs", "view", "test", "testing").values():
            assert [bound.operator for bound in need.specifier] == [">="]

    def test_what_the_package_imports_is_required(self):
        """Top-level names of other people's packages, in any import statement."""
        pattern = re.compile(r"^\s*(?:from|import) (\w+)", re.M)
        files = (ROOT / "openmm_cgvae").rglob("*.py")
        imported = {
            name for path in files for name in pattern.findall(path.read_text())
        }
        outside = imported - set(sys.stdlib_module_names) - {"openmm_cgvae"}
        known = importlib.metadata.packages_distributions()
        modules = {
            canonicalize_name(owner)
            for name in outside
            for owner in known.get(name, ())
        }
        optional = requirements(
            "plots", "dask", "hdf5", "cgsmiles", "view", "structures", "testing"
        )
        needed = {"lightning", "pytorch-lightning", *optional}
        assert modules - needed == set()


class TestOtherRecords:
    """Files that say once more what setup.cfg or the package says."""

    def record(self, name):
        return yaml.safe_load(text_of(name))

    def test_the_conda_recipe(self):
        recipe = self.record("recipe/recipe.yaml")
        assert recipe["context"]["version"] == openmm_cgvae.__version__
        assert recipe["about"]["summary"] == setup_options()["metadata"]["description"]
        least = recipe["context"]["python_min"]
        lines = recipe["requirements"]["run"]
        run = dict(line.replace("${{ python_min }}", least).split() for line in lines)
        assert run == {
            "python": setup_options()["options"]["python_requires"],
            **{
                CONDA_NAMES.get(name, name): str(need.specifier)
                for name, need in requirements("plots").items()
            },
        }
        (line,) = recipe["build"]["python"]["entry_points"]
        assert line in setup_options()["options.entry_points"]["console_scripts"]
        setuptools = tomllib.loads(text_of("pyproject.toml"))["build-system"][
            "requires"
        ]
        assert setuptools == [recipe["requirements"]["host"][-1].replace(" ", "")]

    def test_the_mdakit(self):
        kit = self.record("metadata.yaml")
        assert kit["python_requires"] == setup_options()["options"]["python_requires"]
        need = requirements()["mdanalysis"]
        assert kit["mdanalysis_requires"] == str(need.specifier)
        assert kit["license"] == setup_options()["metadata"]["license"]

    def test_the_citation(self):
        assert self.record("CITATION.cff")["version"] == openmm_cgvae.__version__

    def test_the_changelog(self):
        assert f"\n## {openmm_cgvae.__version__}" in text_of("CHANGELOG.md")

    def test_every_step_of_the_workflow_is_a_target_of_make(self):
        jobs = self.record(".github/workflows/ci.yaml")["jobs"].values()
        said = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
        targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.M))
        assert {f"make {target}" for target in targets} >= set(said)
        assert set(said) >= {"make test", "make test-oldest", "make docs", "make wheel"}

    def test_hooks_are_what_lint_does(self):
        hooks = {
            hook["entry"].removeprefix(".venv/bin/").split(" --")[0]
            for repo in self.record(".pre-commit-config.yaml")["repos"]
            for hook in repo["hooks"]
            if hook["language"] == "system"
        }
        recipe = text_of("Makefile").partition("\nlint:")[2].partition("\n\n")[0]
        assert hooks == set(re.findall(r"\$\(BIN\)/([\w-]+(?: [a-z]+)?)", recipe))


class TestSite:
    """Pages of docs/; `make docs` builds them and checks all their links."""

    def test_every_page_is_in_the_contents(self):
        pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
        trees = re.findall(r"```{toctree}(.*?)```", text_of("docs/index.md"), re.S)
        listed = re.findall(r"^([\w-]+)$", "\n".join(trees), re.M)
        assert sorted(listed) == sorted(pages)

    def test_every_public_name_is_in_the_reference(self):
        names = text_of("docs/api.md").partition("Lengths are in")[0]
        listed = re.findall(r"^   [\w.]+\.(\w+)$", names, re.M)
        assert sorted(listed) == sorted(set(openmm_cgvae.__all__) - {"__version__"})

    def test_every_module_of_a_public_name_is_in_the_reference(self):
        modules = text_of("docs/api.md").partition("Lengths are in")[2]
        listed = set(re.findall(r"^   ([\w.]+)$", modules, re.M))
        assert set(openmm_cgvae._HOMES.values()) - listed == set()
        for name in listed:
            importlib.import_module(f"openmm_cgvae.{name}")

    def test_every_example_is_a_tutorial(self):
        examples = {path.name for path in (ROOT / "examples").glob("*.py")}
        shown = re.findall(
            r"{literalinclude} ../examples/(\S+)", text_of("docs/tutorials.md")
        )
        assert sorted(shown) == sorted(examples)

    def test_links_lead_somewhere(self):
        for page in [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]:
            links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
            local = [link for link in links if "://" not in link]
            assert [k for k in local if not (page.parent / k).exists()] == [], page


class TestImport:
    def test_is_light(self):
        loaded = python_in(
            "import sys, openmm_cgvae",
            f"print(*sorted(set({HEAVY}) & set(sys.modules)))",
        )
        assert loaded == ""

    def test_a_name_loads_only_what_it_needs(self):
        loaded = python_in(
            "import sys, openmm_cgvae as o",
            "o.Mapping",
            "print('torch' in sys.modules, 'openmm' in sys.modules)",
        )
        assert loaded == "False False"

    def test_every_public_name_is_there(self):
        for name in openmm_cgvae.__all__:
            assert getattr(openmm_cgvae, name) is not None
        assert sorted(openmm_cgvae.__all__) == sorted(dir(openmm_cgvae))

    def test_other_names_are_not(self):
        with pytest.raises(AttributeError, match="no attribute 'backmap'"):
            openmm_cgvae.backmap  # noqa: B018

    @pytest.mark.parametrize(
        "first",
        [
            "import MDAnalysis as mda, openmm_cgvae",
            "import openmm_cgvae, MDAnalysis as mda; openmm_cgvae.AtomisticState",
        ],
    )
    def test_brings_the_converter(self, first):
        registered = python_in(first, "print('OPENMM' in mda._CONVERTERS)")
        assert registered == "True"

    def test_version_is_one(self):
        assert importlib.metadata.version("openmm_cgvae") == openmm_cgvae.__version__


class TestReadme:
    def test_the_lines_of_python_run(self, tmp_path, monkeypatch, capsys):
        blocks = re.findall(r"```python\n(.*?)```", text_of("README.md"), re.S)
        monkeypatch.chdir(tmp_path)
        for block in blocks:
            exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})
        assert "beads kept" in capsys.readouterr().out
        assert (tmp_path / "relaxed.pdb").exists()

    def test_commands_are_in_the_makefile(self):
        named = set(re.findall(r"make ([a-z][\w-]*)", text_of("README.md")))
        targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.M))
        assert {"demo", "test"} <= named
        assert named <= targets

    def test_verbs_are_those_of_the_program(self):
        from openmm_cgvae.cli import make_parser

        said = make_parser(knows_settings=False).format_help()
        verbs = re.findall(r"openmm-cgvae ([a-z]+)", text_of("README.md"))
        assert all(f"    {verb} " in said for verb in verbs)


def test_no_folder_of_a_machine_is_named():
    folders = ("openmm_cgvae", "tests", "examples", "benchmarks", "docs")
    files = [path for name in folders for path in (ROOT / name).rglob("*")]
    files += [path for path in ROOT.iterdir() if path.suffix in {".md", ".cfg", ".yml"}]
    words = [f"/{name}/".encode() for name in ("work", "home", "root", "Users")]
    for path in files:
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".pyc":
            content = path.read_bytes()
            assert not any(word in content for word in words), path


def test_no_public_name_is_hidden_by_a_module():
    code = (
        "import importlib, types, openmm_cgvae\n"
        "for home in set(openmm_cgvae._HOMES.values()):\n"
        "    importlib.import_module('openmm_cgvae.' + home)\n"
        "hidden = [n for n in openmm_cgvae._HOMES\n"
        "          if isinstance(getattr(openmm_cgvae, n), types.ModuleType)]\n"
        "assert not hidden, hidden\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
