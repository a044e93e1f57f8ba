// A point says what it is where it is pointed at, or touched; a click on a column's head sorts by it.
const tip = document.getElementById("tip");
document.addEventListener("pointerover", ({ target, clientX, clientY }) => {
  const point = target.closest(".point");
  tip.hidden = !point;
  if (!point) return;
  const title = point.querySelector("title"); // shown here, and not once more by the browser
  if (title) { point.dataset.note = title.textContent; point.setAttribute("aria-label", title.textContent); title.remove(); }
  tip.textContent = point.dataset.note;
  tip.style.left = `${Math.max(4, Math.min(clientX + 12, innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${clientY + 16 + tip.offsetHeight > innerHeight ? clientY - tip.offsetHeight - 8 : clientY + 16}px`;
});

const collator = new Intl.Collator("en", { numeric: true });
const read = (row, column) => row.cells[column].textContent.trim();
const number = (text) => (/^[<>≥≤]?\s*[+-]?[\d,.]*\d/.test(text) ? parseFloat(text.replace(/[<>≥≤,\s]/g, "")) : NaN);
const compare = (a, b) => {
  if (a === "" || b === "") return 0;
  const [x, y] = [number(a), number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? collator.compare(a, b) : x - y;
};
for (const head of document.querySelectorAll("thead th")) {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const [full, empty] = [[], []];
    for (const row of body.rows) (read(row, head.cellIndex) ? full : empty).push(row);
    full.sort((a, b) => way * compare(read(a, head.cellIndex), read(b, head.cellIndex)));
    body.append(...full, ...empty); // what was not measured stays last
  });
}

const open = () => document.querySelector(location.hash || null)?.closest("details")?.setAttribute("open", "");
addEventListener("hashchange", () => { open(); document.querySelector(":target")?.scrollIntoView(); });
open();
