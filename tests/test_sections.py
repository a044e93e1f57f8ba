"""A section is a file that gives blocks; what it says is escaped in one place, what it raises costs no other one."""

import inspect
import re
import subprocess
import sys
from dataclasses import dataclass, is_dataclass
from html.parser import HTMLParser
from types import SimpleNamespace

import pandas as pd
import pytest
import smoke
from matplotlib.figure import Figure
from mlflow import MlflowClient

from fairray import catalogue, config, members, report
from fairray.cli import main
from fairray.errors import BadInput
from fairray.records import join

LABEL = r"""a_b <b>&"' 5% | _c_ \d *e* {f} ~g"""
PIXEL = b"\x89PNG"


@dataclass(frozen=True)
class Says:
    """Blocks of somebody's words; one more if it should break, and then an error."""

    words: str
    name: str = "words"
    breaks: bool = False
    title: str = "Words"

    def __call__(self, results):
        yield report.Text((self.words, report.Strong(self.words), report.Good(self.words), report.Bad(self.words)))
        yield report.Items([self.words, (report.Strong(self.words), ": ", self.words)])
        cells = pd.DataFrame({self.words: [self.words], "n": ["1"]})
        yield report.Frame(self.name, cells, pd.DataFrame({"n": [1]}), self.words)
        yield report.Picture(self.name, PIXEL, self.words, self.words)
        if self.breaks:
            raise ZeroDivisionError(self.words)


@pytest.fixture
def write(tmp_path):
    """Writes a page of these sections; gives its text, the files' names and the failures."""

    def go(*sections, seeds=2):
        study = config.load(smoke.ARGUMENTS[0], "smoke", [*smoke.ARGUMENTS[3:], f"seeds={seeds}"])
        results = report.Results(study, join([]), [], {})
        files, failures = report.write(results, sections, tmp_path)
        return files[0].read_text(), [file.name for file in files], failures

    return go


class Reader(HTMLParser):
    """The texts and the alternative texts of a page, as a reader is told them."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.alts = [], []
        self.feed(page)

    def handle_data(self, data):
        self.texts.append(data.strip())

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.alts.append(dict(attrs)["alt"])


@pytest.mark.parametrize("name", members.names("report"))
def test_a_public_file_is_a_section(name):
    cls = members.load("report", name)
    assert is_dataclass(cls)
    assert cls.__dataclass_params__.frozen
    assert inspect.isgeneratorfunction(cls.__call__)
    assert isinstance(getattr(cls, "title", None), str | property)
    assert getattr(report, cls.__name__) is cls


@pytest.mark.parametrize("name", list(catalogue.studies()))
def test_a_script_is_a_question_and_sections(name):
    for section in report.load_sections(SimpleNamespace(name=name)):
        assert members.checked(type(section), section) == section


def test_a_study_without_a_script_has_a_verdict_and_a_table():
    assert report.load_sections(SimpleNamespace(name="nobody's")) == (report.Verdict(), report.Table())


def test_a_script_without_sections_is_told_so(tmp_path, monkeypatch):
    script = tmp_path / "bare.py"
    script.write_text('"""Why?"""\n\n\ndef sections(results):\n    return []\n')
    monkeypatch.setattr(catalogue, "script", lambda name: script)
    with pytest.raises(BadInput, match="it names no sections"):
        report.load_sections(SimpleNamespace(name="bare"))


UNTITLED = """
from dataclasses import dataclass

from fairray import report


@dataclass(frozen=True)
class Untitled:
    def __call__(self, results):
        return ()
"""


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ("[]", "it names no sections"),
        ("report.Table()", "it names no sections"),
        ("(report.Table,)", r"sections\[0\]: it is <class .*Table"),
        ("(report.Table(), 'verdict')", r"sections\[1\]: it is 'verdict'"),
        ("(Untitled(),)", r"sections\[0\]: it is Untitled\(\)"),
        ("(report.Table('odds'),)", r"sections\[0\]\.metrics: got 'odds'"),
    ],
)
def test_wrong_sections_are_told_before_anything_runs(sections, said, tmp_path, monkeypatch, capsys):
    script = tmp_path / f"{tmp_path.name}.py"  # a file of one name is loaded once
    script.write_text(f"{UNTITLED}\nsections = {sections}\n")
    monkeypatch.setattr(catalogue, "script", lambda name: script)
    arguments = [*smoke.ARGUMENTS, "launch=local", f"launch.output={tmp_path / 'runs'}"]
    for command in ("run", "doctor"):
        code = main([command, *arguments])
        assert code == (2 if command == "run" else 1)
        told = "".join(capsys.readouterr())
        assert re.search(said, told)
        assert str(script) in told
    assert not list((tmp_path / "runs").rglob("spec.json"))


def test_one_seed_is_not_some(write):
    assert "Scale smoke, 1 seed." in write(seeds=1)[0]
    assert "Scale smoke, 2 seeds." in write()[0]


def test_there_is_no_other_section():
    with pytest.raises(AttributeError, match="no section 'Tabel'"):
        report.Tabel  # noqa: B018


def test_sections_are_listed_without_what_draws():
    program = (
        "import sys; from fairray.cli import main; from fairray import members, report; main(['list', 'methods']); "
        "members.names('report'); print({'matplotlib', 'seaborn', 'jinja2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_a_label_is_read_as_it_was_written(write):
    page, _, failures = write(Says(LABEL, title=LABEL))
    reader = Reader(page)
    # the title and its link, a paragraph of four, a list of two with one more, a table's caption, head and cell,
    # a picture's caption
    assert sum(text.count(LABEL) for text in reader.texts) == 2 + 4 + 3 + 3 + 1
    assert reader.alts == [LABEL]
    assert '<b>&"' not in page
    assert not failures


def test_a_label_is_escaped_in_markdown_and_latex(write, tmp_path):
    write(Says(LABEL))
    head, _, row = (tmp_path / "words.md").read_text().splitlines()
    escaped = r"""a_b \<b>\&"' 5% \| \_c\_ \\d \*e\* {f} \~g"""
    assert (head, row) == (f"| {escaped} | n |", f"| {escaped} | 1 |")
    assert report.read_markdown(row) == f"| {LABEL} | 1 |"  # as a terminal shows it
    tex = (tmp_path / "words.tex").read_text()
    escaped = r"""a\_b <b>\&"' 5\% | \_c\_ \textbackslash d *e* \{f\} \textasciitilde g"""
    assert tex.count(escaped) == 2
    assert tex.splitlines()[0] == r"\begin{tabular}{ll}"


def test_symbols_are_written_as_latex_has_them():
    block = report.Frame("t", pd.DataFrame({"L∞": ["×1000"]}), pd.DataFrame(), "")
    assert r"L$\infty$ \\" in block.files["t.tex"].decode()
    assert r"$\times$1000 \\" in block.files["t.tex"].decode()


def test_a_section_that_raises_stands_in_its_own_place(write):
    page, files, failures = write(Says("before"), Says("given <first>", "broken", breaks=True), Says("after", "last"))
    texts = Reader(page).texts
    (error,) = (text for text in texts if text.startswith("Traceback"))
    places = [texts.index(text) for text in ("before", "given <first>", error, "after")]
    assert places == sorted(places)
    assert error.endswith("ZeroDivisionError: given <first>")
    assert failures == ["Words: ZeroDivisionError: given <first>"]
    assert {"words.csv", "broken.csv", "last.png", "records.csv"} <= set(files)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (report.Table("odds"), "Table: BadInput: metrics: got 'odds'"),
        (SimpleNamespace(title="no section"), "is not a dataclass"),
        (Says(words=LABEL, name="a/b/c"), "Words: BadInput: a/b/c.csv: it would be written elsewhere"),
    ],
    ids=["a field of another type", "no dataclass", "a name that is a path"],
)
def test_what_is_no_section_costs_no_other_one(write, section, said):
    page, files, failures = write(section, Says("after"))
    assert said in " ".join(failures)
    assert "after" in Reader(page).texts
    assert "words.csv" in files


def test_a_figure_that_cannot_be_drawn_is_its_section_s_failure(write):
    figure = Figure()
    figure.suptitle("$\\nonsense{$")

    @dataclass(frozen=True)
    class Draws:
        title: str = "Drawn"

        def __call__(self, results):
            yield report.Picture("figure", figure, "a figure")

    _, files, failures = write(Draws(), Says("after"))
    assert failures[0].startswith("Drawn: ")
    assert "figure.png" not in files
    assert "words.png" in files


def test_no_section_writes_over_another_s_files(write):
    _, files, _ = write(Says("one"), Says("two"), Says("three", "records"))
    assert {"words.csv", "words_2.csv", "words_2.tex", "words_2.png", "records.csv", "records_2.csv"} <= set(files)


SECTION = '''
"""The best method of each task."""

from dataclasses import dataclass

from fairray.report import Items, Strong

__all__ = ["Best"]


@dataclass(frozen=True)
class Best:
    """Which method has the highest value of a metric."""

    metric: str
    title: str = "The best <b>"

    def __call__(self, results):
        means = results.chosen_test.groupby(["task", "arm"])[self.metric].mean()
        yield Items([(Strong(task), f": {of.idxmax()[1]} & {of.max():.2f}") for task, of in means.groupby("task")])
'''
STUDY = """
tasks: {A & B: {name: toy, size: 256}}
methods: [standard, reweighing]
baseline: standard
network: {name: mlp, units: 8}
training: adam
objectives: [eacc]
"""
SCRIPT = '''"""Who asks?"""

from best import Best

from fairray import cli, report

sections = (report.Table(("eacc",)), Best("eacc"), Best("absent"), report.Verdict())

if __name__ == "__main__":
    cli.run_script(__file__)
'''
# as `python studies/mine.py` does it
SCRIPT_ALONE = """
import runpy, sys
sys.argv[0] = "studies/mine.py"
sys.path.insert(0, "studies")
runpy.run_path("studies/mine.py", run_name="__main__")
"""


def test_a_section_of_somebody_s_own(tmp_path, fresh):
    """Beside the script of a study outside the package; one of its two sections asks for what was not measured."""
    for name, text in {"conf/study/mine.yaml": STUDY, "studies/mine.py": SCRIPT, "studies/best.py": SECTION}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    arguments = ["--scale", "smoke", "launch=local", "launch.threads=1", f"launch.output={tmp_path / 'runs'}"]
    done = fresh(SCRIPT_ALONE, *arguments, "launch.tracking=none", folder=tmp_path, check=False)
    assert done.returncode == 1, done.stderr
    assert "a section failed: The best <b>: KeyError: 'Column not found: absent'\n" in done.stderr
    folder = tmp_path / "runs" / "reports" / "mine" / "smoke"
    texts = Reader((folder / "report.html").read_text()).texts
    assert texts.count("The best <b>") == 4  # two sections, and what leads to them
    assert any(text.startswith((": standard & ", ": reweighing & ")) for text in texts)
    assert any(text.startswith("Traceback") for text in texts)
    assert "A & B, reweighing" in texts
    assert (folder / "table.csv").is_file()


METRIC = '''
"""Somebody's metric, in a unit of their own."""

from fairray.measures import Unit, measure
from fairray.metrics import spread

__all__ = ["permille"]


@measure("Spread", unit=Unit(" (permille)", 1000.0, 1), best="low", problems=("binary", "multiclass"))
def permille(p):
    """The largest difference of recall between groups."""
    return spread(p.recall).amax(-1)
'''


def test_a_measure_of_somebody_s_own_is_in_table_figure_verdict_and_mlflow(tmp_path, fresh):
    """With a unit of its own; a package that is installed names it, and the study and its section lie in a folder."""
    script = SCRIPT.replace('Best("absent")', 'report.Tradeoff("permille", "eacc")').replace('eacc"', 'permille"', 1)
    files = {
        "conf/study/mine.yaml": STUDY.replace("[eacc]", "[eacc, permille]"),
        "studies/mine.py": script,
        "studies/best.py": SECTION,
        "site/own_metric.py": METRIC,
        "site/own_metric-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: own-metric\nVersion: 1.0\n",
        "site/own_metric-1.0.dist-info/entry_points.txt": "[fairray.metrics]\npermille = own_metric\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    arguments = ["--scale", "smoke", "launch=local", "launch.threads=1", f"launch.output={tmp_path / 'runs'}"]
    fresh(SCRIPT_ALONE, *arguments, folder=tmp_path, first=[tmp_path / "site"])
    folder = tmp_path / "runs" / "reports" / "mine" / "smoke"
    table = pd.read_csv(folder / "table.csv").set_index(["method", "metric"])["mean"]
    records = pd.read_csv(folder / "records.csv").query("split == 'test' and metric == 'permille' and model.isna()")
    assert table["standard", "permille"] == pytest.approx(1000 * records.query("arm == 'standard'")["value"].mean())
    texts = " ".join(Reader((folder / "report.html").read_text()).texts)
    assert "Spread (permille), lower is better" in texts
    assert re.search(r"reweighing\s*:.*Spread [+-]\d+\.\d ", texts)
    assert (folder / "tradeoff.png").stat().st_size > 10_000
    client = MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    shown = [run.data.metrics["test_permille"] for run in runs if "fairray.trial" in run.data.tags]
    means = records.groupby("arm")["value"].mean()
    assert sorted(shown) == pytest.approx(sorted(means))
