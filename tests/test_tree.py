"""The tree of the package can be held in the head: few entries, short files."""

import ast
import configparser
import io
import statistics
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "openmm_cgvae"
MODULES = sorted(PACKAGE.rglob("*.py"))

MOST_ENTRIES, MOST_LAYERS = 16, 17
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_MEDIAN_FILE = 350, 150
MOST_LINES_OF_A_FUNCTION = 50  # of code

QUIET = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
}


def name_of(path):
    return str(path.relative_to(PACKAGE))


def text_of(path):
    return path.read_text(encoding="utf-8")


def docstring_lines(node):
    first = node.body[0]
    if ast.get_docstring(node) is None:
        return set()
    return set(range(first.lineno, first.end_lineno + 1))


def lines_of_code(tree, text):
    """Count lines of functions without docstrings, blank lines and comments."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    code = {
        line
        for token in tokens
        if token.type not in QUIET
        for line in range(token.start[0], token.end[0] + 1)
    }
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and node.body:
            code -= docstring_lines(node)
    return {
        f"{node.name}, line {node.lineno}": len(
            code & set(range(node.lineno, node.end_lineno + 1))
        )
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def test_the_top_of_the_package_has_few_entries():
    entries = {path.name for path in PACKAGE.iterdir()} - {"__pycache__"}
    assert len(entries) <= MOST_ENTRIES


def test_the_contract_of_the_journey_is_short():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    layers = parser["importlinter:contract:journey"]["layers"].split("\n")
    assert 0 < len([layer for layer in layers if layer.strip()]) <= MOST_LAYERS


def test_files_are_short():
    lengths = {name_of(path): len(text_of(path).splitlines()) for path in MODULES}
    assert {k: n for k, n in lengths.items() if n > MOST_LINES_OF_A_FILE} == {}
    assert statistics.median(lengths.values()) < MOST_LINES_OF_A_MEDIAN_FILE


def test_functions_are_short():
    long = {}
    for path in MODULES:
        text = text_of(path)
        for name, length in lines_of_code(ast.parse(text), text).items():
            if length > MOST_LINES_OF_A_FUNCTION:
                long[f"{name_of(path)}: {name}"] = length
    assert long == {}


def defined_names(tree):
    """Find what is assigned or defined at the top of a module."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


def is_private(path):
    return path.stem.startswith("_") and path.stem != "__init__"


def test_modules_say_what_they_offer():
    """In `__all__`; or all names, or that of the module, begin with _."""
    silent = []
    for path in MODULES:
        names = defined_names(ast.parse(text_of(path)))
        public = {name for name in names if not name.startswith("_")}
        if public and "__all__" not in names and not is_private(path):
            silent.append(name_of(path))
    assert silent == []


def test_modules_say_what_they_are():
    """In the first line of the docstring, which is a sentence."""
    docstrings = {path: ast.get_docstring(ast.parse(text_of(path))) for path in MODULES}
    firsts = {
        name_of(path): (docstring or "").partition("\n")[0]
        for path, docstring in docstrings.items()
    }
    assert [name for name, line in firsts.items() if not line.endswith(".")] == []
