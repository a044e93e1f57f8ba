"""Every study runs as it is declared, at smoke size, from nothing to its page; and again it gives the same digits."""

import pytest

from fairray import catalogue
from fairray.cli import main

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", catalogue.describe("studies"))
def test_a_study_runs_and_each_of_its_sections_is_there(name, tmp_path, capsys):
    where = ["launch=local", "launch.threads=1", "launch.tracking=none", f"launch.output={tmp_path}"]
    study = [name, "--scale", "smoke", *where]
    assert main(["run", *study]) == 0, capsys.readouterr().err[-2000:]
    (page,) = (tmp_path / "reports" / name / "smoke").glob("report.html")
    assert "did not run" not in page.read_text()
    assert "a section failed" not in capsys.readouterr().err
    assert main(["audit", *study, "--n", "2"]) == 0, capsys.readouterr().out
