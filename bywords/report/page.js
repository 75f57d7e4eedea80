// Tables marked data-sort become sortable by a button in each column head; without script they stay plain tables.
"use strict";
for (const table of document.querySelectorAll("table[data-sort]")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const first = head.dataset.first;
    if (!first) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      body.append(...[...body.rows].sort(by(column, order === "ascending" ? 1 : -1)));
    });
  });
  table.dataset.sortable = "yes";
}

// Numbers by their value, words by the alphabet; a number that is not known comes last either way.
function by(column, sign) {
  return (a, b) => {
    const [x, y] = [a, b].map((row) => row.cells[column]);
    if (!("value" in x.dataset) && !("value" in y.dataset)) return sign * x.textContent.localeCompare(y.textContent);
    if (x.dataset.value === "" || y.dataset.value === "") return (x.dataset.value === "") - (y.dataset.value === "");
    return sign * (Number(x.dataset.value) - Number(y.dataset.value));
  };
}

// A link to a folded section unfolds it; paper has nothing folded.
const unfold = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") target.open = true;
};
addEventListener("hashchange", unfold);
unfold();
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.open = true;
    folded.dataset.wasFolded = "yes";
  }
});
addEventListener("afterprint", () => {
  for (const unfolded of document.querySelectorAll("details[data-was-folded]")) {
    unfolded.open = false;
    delete unfolded.dataset.wasFolded;
  }
});
