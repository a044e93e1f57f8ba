"""What the page makes of blocks: it opens with the answer, points say what they are, numbers lead to their trials."""

import re
import time
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import smoke
from blocks import figures_of, text_of
from fabricate import results_of
from matplotlib.figure import Figure
from test_report import GRID, mark, ran, searched

from fairray import config, report
from fairray.report._blocks import Facts, Trials, find_place
from fairray.report._drawing import draw_svg, fit_to_page, note
from fairray.report._opening import Opening
from fairray.report._page import Chapter, _render
from fairray.report._tables import lead_to_trials

NAMES = """a <b>&"' ∞ @#"""


def drawing(**style):
    figure = Figure()
    axes = figure.subplots()
    axes.scatter([0, 1], [0, 1], urls=[note(NAMES, find_place("u")), note("second")], **style)
    axes.text(0, 0, "on a dark cell", color="white")
    axes.set_title("title")
    return figure


def facts_of(blocks):
    """What a page opens with, by what it is of."""
    (facts,) = (block for block in blocks if isinstance(block, Facts))
    return {name: text_of([report.Text(line)]) for name, line in facts.lines}


@pytest.mark.parametrize("style", [{}, {"color": ["red", "blue"]}], ids=["markers", "paths"])
def test_a_point_says_what_it_is_and_leads_to_its_trial(style):
    svg = draw_svg(drawing(**style))
    points = re.findall(r'<a class="point" tabindex="-1"( xlink:href="[^"]*")?><title>([^<]*)</title>', svg)
    assert points == [(' xlink:href="#trial-u"', "a &lt;b&gt;&amp;&quot;&#x27; ∞ @#"), ("", "second")]
    assert svg == draw_svg(drawing(**style))


def test_a_drawing_has_the_page_s_colours_but_letters_on_cells_keep_theirs():
    svg = fit_to_page(draw_svg(drawing()), "what it shows")
    assert svg.startswith('<svg role="group" aria-label="what it shows" style="--width: ')
    assert "var(--paper)" in svg
    assert ">title</text>" in svg
    assert re.search(r'<text style="[^"]*fill: #ffffff[^"]*"[^>]*>on a dark cell<', svg)
    assert not re.search(r"<svg[^>]* (width|height)=", svg)


def test_a_number_leads_to_its_trial_and_is_read_as_itself():
    results = results_of(ran("t", "m", odds=[0.1, 0.3]))
    (table, *_) = report.Table(("odds",))(results)
    assert f'<td><a href="{find_place("t m None")}">20.00 [0.01, 99.86]</a></td>' in table.html
    assert table.files["table.md"].decode().splitlines()[-1] == "| t | m | 2 | 20.00 [0.01, 99.86] |"
    listed = Trials([("t m None", "a name", "what is said")])
    assert f'id="{find_place("t m None")[1:]}"' in listed.html


def test_an_incomplete_study_says_so_at_its_top_and_in_its_tables():
    runs = [ran("t", name, odds=[0.1, 0.3]) for name in ("m", "n")]
    whole = results_of(*runs, seeds=2, name="s", question="?", scale="smoke")
    lost = SimpleNamespace(task="t", arm="m", uid="x", point={"method.strength": 2.0})
    said = "Incomplete: 2 of 3 trials are stored; there is nothing of t, m, strength = 2."
    for results, is_whole in ((whole, True), (replace(whole, missing=[lost]), False)):
        (table, *_) = report.Table(("odds",))(results)
        marked = lead_to_trials(table, results)
        assert ("| t | m (1 of 2 trials) |" in marked.files["table.md"].decode()) != is_whole
        assert "| t | n |" in marked.files["table.md"].decode()
        assert (said in _render(results, Chapter(""), [])) != is_whole


def test_names_of_methods_lead_to_their_trials_in_every_table():
    """Those of the verdict here; what is no method on that task leads nowhere."""
    runs = [ran("t", name, odds=[0.1, 0.3 + shift]) for name, shift in (("m", 0.02), ("n", 0.0))]
    results = results_of(*runs, baseline="n")
    (table,) = (block for block in report.Verdict(("odds",))(results) if isinstance(block, report.Frame))
    html = lead_to_trials(table, results).html
    for name in ("m", "n"):
        assert f'<td><a href="{find_place(f"t {name} None")}">{name}</a></td>' in html
    cells = pd.DataFrame({"task": ["t", "average"], "method": ["m", "m"]})
    html = lead_to_trials(report.Frame("", cells, cells, ""), results).html
    assert html.count("<a href") == 1
    assert "<td>m</td>" in html


def opened(results, *sections):
    results.study.question, results.study.launch = "Why?", SimpleNamespace(threads=2)
    return facts_of(Opening(sections)(results))


def made(seconds, at):
    return {"seconds": seconds, "at": f"2026-01-01T00:00:{at:02}Z", "cores": 4, "gpu": None}


def test_a_page_opens_with_what_was_found_how_sure_it_is_and_what_it_cost():
    """60 s and 30 s on two threads each are three core-minutes."""
    runs = [ran("t", name, odds=[of, of + 0.01, of + 0.02]) for name, of in (("base", 0.3), ("m", 0.1), ("n", 0.2))]
    for run, _ in runs:
        run.needed = {}
    runs[1][1][0]["value"] += 0.001
    results = results_of(*runs, baseline="base", left_out={"u": "no such file"})
    results.made.update({"a": made(60.0, 1), "b": made(30.0, 9)})
    said = opened(results, report.Table(("odds",)), report.Verdict(("odds",)))
    assert said["Found"] == "Against base: Odds better: m, undecided: n."  # its differences have no spread
    assert said["How sure"].startswith("Paired t-tests over 3 seeds, adjusted for 2 comparisons (Holm, 5 %).")
    assert said["Cost"].startswith("3 trials, 2 stages: 3.0 core-minutes")
    assert said["Cost"].endswith("on 4 cores, between 2026-01-01T00:00:01Z and 2026-01-01T00:00:09Z.")
    assert said["Left out"] == "u, as no such file"


def test_without_an_answer_the_best_is_named_and_that_nothing_tests_it():
    runs = [ran("t", "m", odds=[0.1, 0.3], collapsed=[0.0, 1.0]), ran("t", "n", odds=[0.3, 0.4])]
    for run, _ in runs:
        run.needed = {}
    said = opened(results_of(*runs))
    best = "Odds on t is lowest with m: 20.00 [0.01, 99.86] over 2 seeds."
    assert said["Found"] == f"{best} Nothing here tests whether the others differ from it."
    assert said["Left out"].startswith("t, m, which is no result: it predicts one class")


def test_a_forest_has_the_verdict_s_words_over_the_band_that_does_not_matter():
    base, noise = 0.2, np.array([-0.01, 0.01, 0.0, 0.02, -0.02])
    shifts = {"lower": -0.2 + noise, "near": noise / 20, "maybe": 0.0235 + noise}
    runs = [ran("t", name, odds=list(base + shift)) for name, shift in (("base", 0 * noise), *shifts.items())]
    (figure,) = figures_of(report.Forest(("odds",))(results_of(*runs, baseline="base", margins={"odds": 2.0})))
    (axes,) = figure.axes
    drawn = {of.lines[0].get_marker(): of.lines[0].get_xdata()[0] for of in axes.containers if hasattr(of, "has_xerr")}
    assert drawn == {"^": pytest.approx(-20), "s": pytest.approx(0, abs=1e-9), "o": pytest.approx(2.35)}
    assert {tuple(bar.get_bbox().intervalx) for bar in axes.patches} == {(-2.0, 2.0)}
    assert axes.get_yticklabels()[0].get_text() == "t, lower against base"


def test_a_cell_is_hatched_where_tests_do_not_tell_it_from_the_best():
    """Of nine cells the best differs from all by 30 points, but from one by less than its seeds do from each other."""
    near = {(0.5, 1.0): [0.1, 0.1201], (0.0, 0.0): [0.2, 0.06]}
    results = searched(val={(0.5, 1.0): [0.1, 0.12]}, test=near)
    (figure,) = figures_of(report.Heatmap(**GRID, metrics=("odds",), mark=mark)(results))
    _, hatched, cells = figure.axes[0].collections
    assert hatched.get_hatch() == "///"
    assert [path.get_extents().get_points().tolist() for path in hatched.get_paths()] == [
        [[-0.25, -0.25], [0.25, 0.25]]
    ]
    assert len(cells.get_urls()) == 9


def search_of(task, arm, points, generator):
    """Trials over a grid of two numbers, five seeds each, with their stages and what these took."""
    for x, y in product(range(points), repeat=2):
        odds = 0.2 + 0.01 * x + generator.normal(0, 0.02, 5)
        trial, rows = ran(task, arm, dict(zip(GRID.values(), (x / 10, y / 10))), odds=odds, eacc=0.9 - odds / 2)
        uids = [f"{hash((task, arm, x, y, seed)) % 16**20:020x}" for seed in range(5)]
        trial.uid = uids[0]
        trial.replicas = trial.ends = [
            SimpleNamespace(uid=uid, seed=seed, depth=0, parents={}, stage=SimpleNamespace(name="standard"))
            for seed, uid in enumerate(uids)
        ]
        yield trial, [{**row, "trial": trial.uid} for row in rows]


@pytest.mark.slow
def test_a_thousand_trials_with_all_figures_are_a_page_within_a_minute(tmp_path):
    """Of one core, as other tests may run beside it; in 15 MB."""
    generator = np.random.default_rng(0)
    pairs = product(("t", "u"), ("base", "m", "n", "o", "p"))
    runs = [run for task, arm in pairs for run in search_of(task, arm, 10, generator)]
    study = config.load(smoke.ARGUMENTS[0], "smoke", [*smoke.ARGUMENTS[3:]])
    study = replace(study, baseline="base", objectives=("odds", "eacc"))
    made_of = {uid.uid: made(1.0, place % 60) for place, (trial, _) in enumerate(runs) for uid in trial.ends}
    results = report.Results(study, pd.DataFrame([r for _, of in runs for r in of]), [t for t, _ in runs], made_of)
    sections = (
        *report.comparison(),
        report.Pareto(),
        report.Sweep(),
        report.Heatmap(**GRID),
        report.Scatter("odds", "eacc"),
    )
    start = time.process_time()
    files, failures = report.write(results, sections, tmp_path)
    took, size = time.process_time() - start, files[0].stat().st_size
    print(f"{len(runs)} trials: {took:.1f} s, {size / 1e6:.1f} MB")
    assert not failures
    assert len(runs) == 1000
    assert files[0].read_text().count("<svg ") == 7
    assert took <= 60
    assert size <= 15e6
