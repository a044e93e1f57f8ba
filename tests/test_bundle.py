"""A bundle is audited where nothing of its study lies, what is altered in it is found, and it is opened safely."""

import json
import re
import shutil
from contextlib import nullcontext as nothing
from zipfile import ZipFile

import pandas as pd
import pytest
from test_audit import MINE, forget

import fairray
from fairray import bundle
from fairray.cli import main
from fairray.errors import BadInput
from fairray.store import Store


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The results of a study of a table with a method of the user's, in a folder that is then moved away; its bundle,
    and one without tensors."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "my").mkdir()
    (folder / "my" / "mine_bundled.py").write_text(MINE)
    cells = [(i % 2, "ab"[i % 3 == 0], i * 37 % 101) for i in range(300)]
    pd.DataFrame(cells, columns=["y", "g", "x"]).to_csv(folder / "my" / "table.csv", index=False)
    study = fairray.declare(
        tasks={"Mine": {"name": "table", "path": folder / "my" / "table.csv", "target": "y", "protected": "g"}},
        methods={"standard": "standard", "mine": str(folder / "my" / "mine_bundled.py")},
        network={"name": "mlp", "units": 4, "depth": 1},
        training={"epochs": 1, "lr": 0.01},
        seeds=2,
        launch={"executor": "local", "tracking": "none", "output": str(folder / "my" / "runs")},
    )
    results = study.run(quiet=True)
    whole = results.bundle(folder / "whole.zip")
    page = [*study.folder.glob("*.*")]
    bare, again = (bundle.pack(results, page, folder / name, mb) for name, mb in (("bare.zip", 2e-3), ("again.zip", 1)))
    assert again.name == whole.name
    assert again.path.read_bytes() == whole.path.read_bytes()
    assert (whole.left_out, len(bare.left_out)) == ([], 2)
    store = Store(str(folder / "my" / "runs" / "store"))
    assert whole.stages == bare.stages == len(store.entries()) == 8
    lost = next(uid for uid in store.entries() if store.spec(uid)["key"]["stage"].endswith("Standard"))
    store.let_go(lost)
    spare = bundle.pack(results, page, folder / "spare.zip")
    assert spare.left_out == ["the tensors of all stages (as 1 stage lost them (fairray gc))"]
    (folder / "my" / "table.csv").unlink()
    shutil.rmtree(folder / "my" / "runs")
    return folder


@pytest.fixture
def edited(made, tmp_path):
    """Copies a bundle with some files replaced by what is made of their content; forged: with their hashes."""

    def edit(name="whole", forged=False, **changes):
        copy = tmp_path / f"{name}.zip"
        with ZipFile(made / f"{name}.zip") as old, ZipFile(copy, "w") as new:
            files = {one: old.read(one) for one in old.namelist()}
            for part, change in changes.items():
                place = next(one for one in files if one.endswith(part.replace("__", ".")))
                files[place] = change(files[place])
            if forged:
                said = json.loads(files["bundle.json"])
                said["sha256"] = {one: bundle._hash(files[one]) for one in said["sha256"]}
                files["bundle.json"] = json.dumps(said).encode()
            for one, content in files.items():
                new.writestr(one, content)
        return copy

    return edit


def audited(path, capsys, *more):
    forget()
    capsys.readouterr()
    code = main(["audit", str(path), "--trust", "--n", "100", *more])
    said = capsys.readouterr()
    assert said.err == ""
    first, *lines, summary = said.out.splitlines()
    assert "sha256 of its bundle.json" in first
    return code, [line for line in lines if line.startswith("DIFFERS")], summary


def raised(content):
    return content.replace(b"0.", b"1.", 1)


def test_it_is_equal_where_nothing_of_its_study_is(made, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert audited(made / "whole.zip", capsys) == (0, [], "8 of 8 stages equal")
    assert [*tmp_path.iterdir()] == []


def test_without_tensors_all_that_leads_to_a_stage_is_computed_again(made, capsys):
    """The table was too large as well, so its place is given; the checksums of the tensors are compared."""
    with ZipFile(made / "bare.zip") as archive:
        assert not [name for name in archive.namelist() if name.endswith((".safetensors", "0/table.csv"))]
    with ZipFile(made / "whole.zip") as archive:
        table = archive.extract("files/0/table.csv", made)
    assert audited(made / "bare.zip", capsys, f"tasks.Mine.path={table}") == (0, [], "8 of 8 stages equal")


def test_where_a_stage_lost_its_tensors_all_but_that_are_audited(made, capsys):
    assert audited(made / "spare.zip", capsys) == (0, [], "7 of 7 stages equal")


def test_without_tensors_another_checksum_is_found(made, edited, capsys):
    with ZipFile(made / "whole.zip") as archive:
        table = archive.extract("files/0/table.csv", made)
    other = edited(
        "bare", forged=True, spec__json=lambda content: re.sub(rb'(safetensors": ")\w+', rb"\g<1>0", content)
    )
    code, differs, _ = audited(other, capsys, f"tasks.Mine.path={table}")
    assert code == 1
    assert len(differs) == 1
    assert differs[0].endswith("artifact.safetensors: its checksum")


def test_what_was_altered_is_found_by_its_hash(edited, capsys):
    path = edited(
        chosen__csv=lambda content: content.replace(b"0.", b"1.", 1), records__parquet=lambda content: content[:-1]
    )
    code, differs, _ = audited(path, capsys)
    assert code == 1
    assert sum("it is not what was bundled" in line for line in differs) == 2
    assert any("report/chosen.csv: it is not what was bundled" in line for line in differs)


def test_what_was_altered_with_its_hash_is_found_by_computing(edited, capsys):
    """A number of the report, and the data."""
    path = edited(forged=True, chosen__csv=raised)
    code, differs, summary = audited(path, capsys)
    assert (code, summary) == (1, "8 of 8 stages equal")
    assert differs == ["DIFFERS  report/chosen.csv: it is not what the stages say"]
    path = edited(forged=True, table__csv=lambda content: content.replace(b"0,b,0\n", b"0,a,99\n"))
    code, differs, summary = audited(path, capsys)
    assert (code, summary) == (1, "0 of 8 stages equal")
    assert all("the data are not as when it was made" in line for line in differs)


@pytest.mark.parametrize(
    "name",
    ["../out", "/out", "store/../../out", "store\\..\\out", "numpy.py", "conf/study/mine.yaml", "report/report.html"],
)
def test_no_file_is_written_elsewhere(edited, name):
    path = edited()
    twice = pytest.warns(UserWarning, match="Duplicate name") if name == "report/report.html" else nothing()
    with twice, ZipFile(path, "a") as archive:
        archive.writestr(name, "")
    with pytest.raises(BadInput, match="no bundle has such a file"), bundle.unpack(path, trust=True):
        pass
    assert not (path.parent / "out").exists()


def test_what_is_no_bundle_is_told(made, edited, tmp_path, capsys):
    assert main(["audit", str(made / "whole.zip")]) == 2
    assert "it has code of its own, which an audit runs: files/0/mine_bundled.py" in capsys.readouterr().err
    (tmp_path / "text.zip").write_text("no archive")
    with ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("report/x", "")
    later = edited(bundle__json=lambda content: content.replace(b'"format": 1', b'"format": 2'))
    for path, says in (
        (tmp_path / "absent.zip", "there is no such file"),
        (tmp_path / "text.zip", "it cannot be unpacked"),
        (tmp_path / "other.zip", "it is no bundle"),
        (later, "it is of format 2"),
    ):
        with pytest.raises(BadInput, match=says), bundle.unpack(path):
            pass
