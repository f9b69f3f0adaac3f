"""docs/conformance.md and the tests agree: what the one says of the other is there."""
import importlib
import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).parent
TABLE = HERE.parents[2] / "docs" / "conformance.md"
HEADINGS = {"## MQTT 5.0": "", "## MQTT 3.1.1": "3.1.1:"}
IDENTIFIER = r"MQTT-\d[.-]\d+\.\d+[.-]\d+"  # two ids of 3.1.1 are spelled MQTT-3.1.2.7 and MQTT-3-8.3-4
CITATION = re.compile(r"(test_\w+\.py)::(test_\w+)")
COUNTS = {"": 251, "3.1.1:": 141}  # of the ids in the two specifications


def marks_of(function):
    """The mqtt marks of a test function, and of the cases that it is parametrized with."""
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "mqtt":
            yield mark
        elif mark.name == "parametrize":
            for one in mark.args[1]:
                yield from (inner for inner in getattr(one, "marks", ()) if inner.name == "mqtt")


@pytest.fixture(scope="module")
def tests():
    """`test_x.py::test_y` → the ids that it bears, for all tests of this folder."""
    found = {}
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(f"conformance.{path.stem}")
        for name, value in vars(module).items():
            if name.startswith("test_") and callable(value) and value.__module__ == module.__name__:
                found[f"{path.name}::{name}"] = {one for mark in marks_of(value) for one in mark.args}
    return found


@pytest.fixture(scope="module")
def rows():
    """The id, as tests write it → (paraphrase, third column)."""
    found, prefix = {}, None
    for line in TABLE.read_text().splitlines():
        if line.startswith("## "):
            prefix = HEADINGS.get(line)
        elif prefix is not None and re.match(rf"\| {IDENTIFIER} \|", line):
            identifier, paraphrase, proof = (cell.strip() for cell in line.strip("|").split("|"))
            assert prefix + identifier not in found, f"{identifier} has two rows"
            found[prefix + identifier] = paraphrase, proof
    return found


@pytest.fixture(scope="module")
def for_clients():
    """The ids in the sentences on what binds clients alone, as tests write them."""
    found, prefix = set(), None
    for line in TABLE.read_text().splitlines():
        if line.startswith("## "):
            prefix = HEADINGS.get(line)
        elif prefix is not None and line.startswith("Binding clients alone:"):
            found |= {prefix + identifier for identifier in re.findall(IDENTIFIER, line)}
    return found


def test_every_named_test_bears_the_id(rows, tests):
    wrong = [f"{identifier}: {file}::{name}" for identifier, (_, proof) in rows.items()
             for file, name in CITATION.findall(proof) if identifier not in tests.get(f"{file}::{name}", ())]
    assert not wrong, "\n".join(wrong)


def test_every_id_of_a_test_is_named_in_its_row(rows, tests):
    wrong = [f"{identifier}: {test}" for test, identifiers in tests.items() for identifier in identifiers
             if identifier not in rows or test not in rows[identifier][1]]
    assert not wrong, "\n".join(wrong)


def test_every_row_has_a_test_or_a_reason(rows):
    wrong = [identifier for identifier, (paraphrase, proof) in rows.items()
             if not paraphrase or not (CITATION.search(proof) or len(proof) > 20)]
    assert not wrong, wrong


@pytest.mark.parametrize("prefix", COUNTS, ids=["5.0", "3.1.1"])
def test_every_statement_is_accounted_for(rows, for_clients, prefix):
    """Once: in the table, or among those that bind clients alone."""
    tabled = {one for one in rows if one.startswith("MQTT" if not prefix else prefix)}
    clients = {one for one in for_clients if one.startswith("MQTT" if not prefix else prefix)}
    assert not tabled & clients and len(tabled | clients) == COUNTS[prefix], (len(tabled), len(clients))
