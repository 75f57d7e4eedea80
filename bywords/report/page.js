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

// Lists marked data-find get a search, a choice of the data-group of their items and an order by their data-sure.
const made = (name, words = "", attributes = {}) => {
  const element = document.createElement(name);
  element.textContent = words;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
for (const list of document.querySelectorAll("[data-find]")) {
  const parent = list.tagName === "TABLE" ? list.tBodies[0] : list;
  const items = [...parent.children], texts = items.map((item) => item.textContent.toLowerCase());
  if (items.length < 4) continue;
  const tools = made("div", "", { class: "tools", role: "search", "aria-label": list.dataset.find });
  const add = (title, control) => {
    const label = made("label", title);
    label.append(control);
    tools.append(label);
    return control;
  };
  const choice = (options) => {
    const select = made("select");
    for (const [value, words] of options) select.append(made("option", words, { value }));
    return select;
  };
  const asked = add("Search", made("input", "", { type: "search" }));
  const groups = [...new Set(items.map((item) => item.dataset.group).filter((group) => group !== undefined))].sort();
  const group = groups.length > 1 && add("Label", choice([["", "all"], ...groups.map((each, i) => [String(i), each])]));
  const isSure = items.every((item) => "sure" in item.dataset);
  const order = isSure && add("Order", choice([["", "as listed"], ["-1", "surest first"], ["1", "least sure first"]]));
  const count = made("output", "", { role: "status" });
  tools.append(count);
  const find = () => {
    const words = asked.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    items.forEach((item, i) => {
      const isIn = !group || group.value === "" || item.dataset.group === groups[Number(group.value)];
      item.hidden = !(isIn && words.every((word) => texts[i].includes(word)));
      shown += !item.hidden;
    });
    count.textContent = shown < items.length ? `${shown} of ${items.length} shown` : `${items.length} shown`;
  };
  asked.addEventListener("input", find);
  if (group) group.addEventListener("change", find);
  if (order) {
    order.addEventListener("change", () => {
      const sign = Number(order.value);
      parent.append(...[...items].sort((a, b) => sign * (a.dataset.sure - b.dataset.sure)));
    });
  }
  (list.closest(".scroll") || list).before(tools);
  find();
}

// Commands marked data-copy get a button that copies them; FOLDER is where the page is.
for (const code of document.querySelectorAll("code[data-copy]")) {
  if (location.protocol === "file:") {
    const folder = decodeURIComponent(location.pathname).replace(/\/[^/]*$/, "");
    if (/^[\w./-]+$/.test(folder)) code.textContent = code.textContent.replace(/ FOLDER$/, ` ${folder}`);
  }
  const button = made("button", "Copy", { type: "button", class: "copy", "aria-label": `Copy ${code.textContent}` });
  button.addEventListener("click", async () => {
    let isCopied = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      isCopied = document.execCommand("copy");
    }
    button.textContent = isCopied ? "Copied" : "Press Ctrl-C";
  });
  code.after(" ", button);
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
