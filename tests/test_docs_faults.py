"""Each row of docs/faults.md and docs/security.md is shown by a test that there is."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.parametrize("page", ["faults.md", "security.md"])
def test_every_row_names_tests_that_there_are(page):
    rows = [line for line in (TESTS.parent / "docs" / page).read_text().splitlines() if line.startswith("| ")]
    for row in rows[2:]:
        cell, file = row.rstrip("| ").rsplit("|", 1)[1].strip(), ""
        if cell == "the same":
            continue
        for place, test in re.findall(r"`(?:(\w+\.py)::)?(test_\w+)`", cell):
            file = place or file
            assert f"def {test}(" in (TESTS / file).read_text(), (file, test)
        assert file, row
