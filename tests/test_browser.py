"""The page in a browser: nothing reaches beyond it, a click sorts, a point says what it is. It skips without one."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

import pytest
from fabricate import results_of
from test_page import drawing
from test_report import ran

from fairray import report
from fairray.report._page import Chapter, fill_template

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no browser here")

# what a person does: looks how wide the page is, clicks on a head twice, points at a dot and away from it
PERSON = """
<script>
addEventListener("load", () => {
  const column = (n) => [...document.querySelectorAll("tbody tr")].map((row) => row.cells[n].textContent);
  const page = document.documentElement;
  const seen = { beyond: page.scrollWidth - page.clientWidth, before: column(1) };
  const head = document.querySelectorAll("thead th")[3].querySelector("button");
  head.click();
  seen.up = column(1);
  head.click();
  seen.down = column(1);
  const tip = document.getElementById("tip");
  const point = document.querySelector(".point *:not(title):not(g)");
  point.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, clientX: innerWidth, clientY: 5 }));
  const { left, right } = tip.getBoundingClientRect();
  Object.assign(seen, { note: tip.textContent, inside: left >= 0 && right <= innerWidth, hidden: tip.hidden });
  document.body.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  Object.assign(seen, { after: tip.hidden, ink: getComputedStyle(document.body).color, width: innerWidth });
  parent.document.body.dataset.seen = JSON.stringify(seen);
});
</script>
"""


def look(page, folder, width, dark):
    """What a person sees of a page. It stands in a frame, as a browser's window is never as narrow as a phone."""
    file = folder / "page.html"
    file.write_text(f'<iframe style="width: {width}px; height: 800px" srcdoc="{escape(page + PERSON)}"></iframe>')
    command = [
        BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--dump-dom",
        file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(unescape(re.findall('data-seen="([^"]*)"', done.stdout)[0]))


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)], ids=["phone", "wide and dark"])
def test_a_person_reads_the_page(tmp_path, width, dark):
    values = {"a": [0.10, 0.11], "b": [0.02, 0.03], "c" * 80: [], "d": [0.2, 0.3]}
    runs = [ran("t", name, **({"odds": of} if of else {"mse": [0.1, 0.1]})) for name, of in values.items()]
    (table, *_) = report.Table(("odds", "mse"))(results_of(*runs))
    chapter = Chapter("One", [table.html, report.Picture("dots", drawing(), "dots").html])
    study = results_of().study
    study.name = "long_" * 30
    page = fill_template("page.html", study=study, opening=Chapter(""), chapters=[chapter])
    seen = look(page, tmp_path, width, dark)
    assert seen["beyond"] <= 0
    assert seen["before"] == ["a", "b", "c" * 80, "d"]
    assert seen["up"] == ["b", "a", "d", "c" * 80]
    assert seen["down"] == ["d", "a", "b", "c" * 80]
    assert seen["note"] == """a <b>&"' ∞ @#"""
    assert seen["inside"]
    assert (seen["hidden"], seen["after"]) == (False, True)
    assert (seen["ink"] == "rgb(29, 37, 48)") is not dark
    assert seen["width"] == width
