import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert example.count("\n") <= 22
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["standard", "undersampling", "reweighing", "bade"]
    assert (tmp_path / "runs" / "store").is_dir()


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "docs/design.md", "docs/decisions.md", "docs/bade.md", "docs/trust.md"]
)
def test_links_lead_somewhere(name):
    page = ROOT / name
    for target in re.findall(r"\]\((?!http)([^)]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_table_of_results_is_the_printed_one():
    """The README's printed column is conf/printed's."""
    printed = (ROOT / "conf/printed/bade_table3.csv").read_text()
    for method, odds, eacc in re.findall(
        r"\| (\w+)[^|]*\| [^|]*\| ([\d.]+) \| [^|]*\| ([\d.]+) \|", (ROOT / "README.md").read_text()
    ):
        assert f"Adult,{method},odds,{odds}" in printed
        assert f"Adult,{method},eacc,{eacc}" in printed
