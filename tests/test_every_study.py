"""Every study runs as it is declared, at smoke size, from nothing to its page; and again it gives the same digits."""

import pytest

from fairray import catalogue, config
from fairray.cli import main
from fairray.memory import VARIABLE

pytestmark = pytest.mark.slow


HERE = ["launch=local", "launch.threads=1", "launch.tracking=none"]


@pytest.mark.parametrize("name", catalogue.describe("studies"))
def test_a_study_runs_and_each_of_its_sections_is_there(name, tmp_path, capsys):
    study = [name, "--scale", "smoke", *HERE, f"launch.output={tmp_path}"]
    assert main(["run", *study]) == 0, capsys.readouterr().err[-2000:]
    (page,) = (tmp_path / "reports" / name / "smoke").glob("report.html")
    assert "did not run" not in page.read_text()
    assert "a section failed" not in capsys.readouterr().err
    assert main(["audit", *study, "--n", "2"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", catalogue.describe("studies"))
def test_without_room_for_data_the_records_of_images_are_the_same(name, run_once, tmp_path, monkeypatch):
    if all(arm.corner.data.kind == "table" for arm in config.load(name, "smoke", HERE).arms()):
        pytest.skip("it has no images")
    folder, _ = run_once(name, "--scale", "smoke", *HERE)
    monkeypatch.setenv(VARIABLE, "0")
    assert main(["run", name, "--scale", "smoke", *HERE, f"launch.output={tmp_path}"]) == 0
    here, far = (place / "reports" / name / "smoke" / "records.csv" for place in (folder, tmp_path))
    assert far.read_text() == here.read_text()
