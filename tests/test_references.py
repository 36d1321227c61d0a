"""What `module:name` means, and what is said when it means nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from orion_gateway.references import MOST_SHOWN, ReferenceFault, describe, find_reference, is_reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _modules_are_forgotten() -> Iterator[None]:
    """What a test imports must not be what the next one finds."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello:Hello", True),
        ("my_package.module:Outer.Inner", True),
        ("hello", False),
        ("hello:", False),
        (":Hello", False),
        ("hello:Hello:", False),
        ("hel lo:Hello", False),
        ("1hello:Hello", False),
        ("hello:Hello()", False),
        ("../hello:Hello", False),
    ],
)
def test_a_reference_is_a_module_a_colon_and_a_name(text: str, expected: bool) -> None:
    """A typing error would be imported as far as it goes."""
    assert is_reference(text) is expected


def test_what_is_beside_the_table_is_found(tmp_path: Path) -> None:
    """A plug-in would have to be packaged before it could be tried."""
    (tmp_path / "beside.py").write_text("def greet(): return 'ours'\n")
    greet = find_reference("beside:greet", str(tmp_path))
    assert callable(greet)
    assert greet() == "ours"


def test_no_file_beside_the_table_stands_in_for_a_module_of_python(tmp_path: Path) -> None:
    """A file `colorsys.py` beside the table would be taken for the standard library's, by plug-ins and by us."""
    (tmp_path / "mine.py").write_text("import colorsys\nx = 1\n")
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('shadowed')\n")
    sys.modules.pop("colorsys", None)
    find_reference("mine:x", str(tmp_path))
    find_reference("colorsys:rgb_to_hsv", str(tmp_path))
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_what_the_module_imports_later_is_still_found(tmp_path: Path) -> None:
    """A plug-in that imports its own files lazily would fail with its first request."""
    (tmp_path / "main_part.py").write_text("def late():\n    import other_part\n    return other_part.x\n")
    (tmp_path / "other_part.py").write_text("x = 5\n")
    late = find_reference("main_part:late", str(tmp_path))
    assert callable(late)
    assert late() == 5


def fault_of(reference: str, folder: Path) -> ReferenceFault:
    with pytest.raises(ReferenceFault) as caught:
        find_reference(reference, str(folder))
    return caught.value


def test_a_missing_module_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    """The author would not know which folder is meant."""
    fault = fault_of("no_such_module_here:X", tmp_path)
    assert str(fault) == 'there is no module "no_such_module_here"'
    assert fault.hint == f"it was looked for where Python finds modules, then in {tmp_path}"


def test_a_module_missing_within_the_module_is_told_with_the_line_that_wants_it(tmp_path: Path) -> None:
    """A missing dependency would look like a missing plug-in."""
    (tmp_path / "needy.py").write_text("\nimport no_such_dependency\n")
    fault = fault_of("needy:X", tmp_path)
    assert "cannot be imported: ModuleNotFoundError: No module named 'no_such_dependency'" in str(fault)
    assert fault.hint == f"at {tmp_path / 'needy.py'}:2"


def test_a_mistake_in_the_module_is_told_with_its_line(tmp_path: Path) -> None:
    """The author would have to guess."""
    (tmp_path / "faulty.py").write_text("\n\n1 / 0\n")
    fault = fault_of("faulty:X", tmp_path)
    assert str(fault) == 'the module "faulty" cannot be imported: ZeroDivisionError: division by zero'
    assert fault.hint == f"at {tmp_path / 'faulty.py'}:3"
    (tmp_path / "unwritten.py").write_text("x = 1\ndef (:\n")
    assert fault_of("unwritten:X", tmp_path).hint == f"at {tmp_path / 'unwritten.py'}:2"


def test_a_missing_name_is_told_with_the_file_that_lacks_it(tmp_path: Path) -> None:
    """Another file of the same name, found first, would not be suspected."""
    (tmp_path / "empty_one.py").write_text("")
    fault = fault_of("empty_one:Hello", tmp_path)
    assert str(fault) == 'the module "empty_one" has no "Hello"'
    assert fault.hint == f"it was read from {tmp_path / 'empty_one.py'}"
    (tmp_path / "greeting.py").write_text("class Hello: pass\n")
    assert fault_of("greeting:Helo", tmp_path).hint.endswith('greeting.py; did you mean "Hello"?')


def test_a_module_that_leaves_does_not_end_the_check(tmp_path: Path) -> None:
    """A script named by mistake, which ends with `sys.exit()`, would end the gateway without a word."""
    (tmp_path / "a_script.py").write_text("import sys\nsys.exit(3)\n")
    fault = fault_of("a_script:main", tmp_path)
    assert str(fault) == 'the module "a_script" cannot be imported: SystemExit: 3'
    assert fault.hint == f"at {tmp_path / 'a_script.py'}:2"


def test_a_foreign_text_is_one_line_of_bounded_length() -> None:
    """An exception that carries a page would bury the finding."""
    text = describe(ValueError("a\nb " + "x" * 1000))
    assert text.startswith("ValueError: a b xxx")
    assert len(text) < MOST_SHOWN + 20


def test_a_script_that_exits_is_told_with_its_line(tmp_path: Path) -> None:
    """`orion check` would end at once and without a word, with the code that the script chose: 0 passes in CI."""
    (tmp_path / "scripted.py").write_text("import sys\n\nsys.exit(0)\n")
    fault = fault_of("scripted:X", tmp_path)
    assert str(fault) == 'the module "scripted" cannot be imported: SystemExit: 0'
    assert fault.hint == f"at {tmp_path / 'scripted.py'}:3"
