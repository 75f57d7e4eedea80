// The page: a text typed is labelled with its words coloured, a csv dropped is labelled row by row and given back.
"use strict";
(async () => {
  const $ = id => document.getElementById(id), SOME_MS = 50, LEVELS = 4, N_WORDS = 5, MOST_BARS = 12;
  const say = (place, words, isError = false) => { place.textContent = words; place.classList.toggle("error", isError); };
  let model;
  try {
    if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old for the page: take a Chrome or Edge of 2023, a Firefox of 2023, a Safari of 2023, or a newer one");
    const values = await unpacked($("payload").textContent.trim());
    $("payload").remove();
    model = modelOf(values);
    window.bywords = {model, readCsv, textColumn};
  } catch (error) { say($("answer"), `The model could not be read: ${error.message}.`, true); return; }
  for (const control of document.querySelectorAll("[disabled]")) control.disabled = false;
  $("loading").hidden = true;
  document.documentElement.dataset.ready = "yes";

  const decimal = (number, digits) => { const written = String(Number(number.toFixed(digits))); return /^-?\d+$/.test(written) ? `${written}.0` : written; };
  const percent = share => `${(100 * share).toFixed(1)} %`;
  const element = (name, words = "", attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = words;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const isolated = words => element("bdi", words);

  // One text.
  function show() {
    const text = $("text").value;
    for (const id of ["answer", "shown", "bars"]) $(id).textContent = "";
    $("why").hidden = !text;
    if (!text) return;
    const found = model.explained(text), best = model.firstHighest(found.probabilities);
    const about = $("about-label").value === "" ? best : Number($("about-label").value);
    if (found.labels.length) found.labels.forEach((label, i) => {
      if (i) $("answer").append(", ");
      const strong = element("strong");
      strong.append(isolated(label));
      $("answer").append(strong, ` ${percent(found.probabilities[found.given[i]])}`);
    });
    else $("answer").append("No label: none reaches its threshold");
    $("answer").append(found.isUnlike ? doubt(found.inVocabularyShare, found.isUnknown) : ".");
    $("answer").classList.remove("error");
    $("why-title").textContent = "";
    $("why-title").append("The words for and against ", isolated(model.classes[about]));
    marked(text, found, about);
    bars(found.probabilities);
  }
  function marked(text, found, about) {
    const values = found.added.map(row => row[about]), most = Math.max(1e-12, ...values.map(Math.abs));
    let done = 0;
    found.spans.forEach((span, i) => {
      if (!span || span[0] < done) return;
      $("shown").append(text.slice(done, span[0]));
      const level = Math.ceil(LEVELS * Math.abs(values[i]) / most - 0.2), word = text.slice(span[0], span[1]);
      if (level > 0) $("shown").append(element("mark", word, {class: `${values[i] > 0 ? "for" : "against"} level-${level}`, title: `${values[i] > 0 ? "+" : ""}${values[i].toFixed(3)}`}));
      else $("shown").append(word);
      done = span[1];
    });
    $("shown").append(text.slice(done));
    const sums = new Map();
    found.words.forEach((word, i) => sums.set(word, (sums.get(word) || 0) + values[i]));
    const listed = [...sums].filter(([, value]) => Math.abs(value) > most / 50).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 20);
    $("strongest").textContent = listed.map(([word, value]) => `“${word}” ${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`).join(", ") || "none";
  }
  function bars(probabilities) {
    const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, MOST_BARS);
    for (const k of order) {
      const row = element("tr"), name = element("th", "", {scope: "row"}), cell = element("td", "", {class: "bar-cell"});
      name.append(isolated(model.classes[k]));
      const bar = element("span", "", {class: "bar"});
      bar.style.width = `${100 * probabilities[k]}%`;
      cell.append(bar);
      row.append(name, element("td", percent(probabilities[k])), cell);
      $("bars").append(row);
    }
  }
  for (const [k, label] of model.classes.entries()) $("about-label").append(element("option", label, {value: k}));
  $("about-label").addEventListener("change", show);
  let waiting = 0;
  $("text").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(show, 120); });
  $("ask").addEventListener("submit", event => { event.preventDefault(); show(); });

  // A csv.
  let table = null, taken = null, name = "", running = 0;
  function offer(read) {
    $("in-encoding").hidden = !read.readings;
    if (read.readings) $("encoding").replaceChildren(...encodingOptions(read));
  }
  async function take(file, encoding) {
    taken = file;
    const its = ++running;
    $("save").textContent = "";
    $("labelled").textContent = "";
    $("choose").hidden = true;
    $("done").hidden = true;
    say($("said"), `Reading ${file.name} …`);
    try {
      const read = readCsv(new Uint8Array(await file.arrayBuffer()), file.name, encoding);
      if (its !== running) return;
      table = read;
      offer(read);
      name = file.name;
      if (!table.rows.length) throw new Error("There is no row below the header.");
      const column = textColumn(table.header, JSON.parse($("column").dataset.wanted));
      $("column").textContent = "";
      $("column").append(element("option", "choose …", {value: ""}));
      table.header.forEach((title, i) => $("column").append(element("option", title || `column ${i + 1}`, {value: i})));
      $("column").value = column < 0 ? "" : column;
      $("choose").hidden = false;
      const rows = `${name}: ${rowsOf(table.rows.length)}`;
      if (column < 0) { say($("said"), `${rows}. It is not clear which column holds the texts: choose one.`); $("column").focus(); }
      else await label();
    } catch (error) { if (its === running) { table = null; offer(error); say($("said"), error.message, true); } }
  }
  async function label() {
    if ($("column").value === "") return;
    if (model.isMultilabel) try { checkLabels(model.classes); } catch (error) { return say($("said"), error.message, true); }
    const its = ++running, column = Number($("column").value), {header, rows, separator, mark, lineEnd} = table;
    const hasWords = $("with-words").checked, several = model.isMultilabel;
    const answers = [...(several ? ["labels", "probabilities"] : ["label", "probability"]), "in_vocabulary_share", "all_out_of_vocabulary", "out_of_distribution", ...(hasWords ? ["deciding_words"] : [])];
    const write = cells => cells.map(cell => csvCell(cell, separator)).join(separator) + lineEnd;
    const parts = [mark + write([...header.map(title => keptName(title, header, answers)), ...answers])], counts = new Map();
    $("save").textContent = "";
    $("labelled").textContent = "";
    $("done").hidden = false;
    $("done").max = rows.length;
    let nUnlike = 0;
    for (let i = 0, until = 0; i < rows.length; i++) {
      const found = hasWords ? model.explained(rows[i][column], false) : model.answer(rows[i][column]);
      const shown = found.given.map(k => decimal(found.probabilities[k], 6));
      const words = hasWords ? [deciding(found)] : [];
      nUnlike += found.isUnlike;
      for (const given of found.labels.length ? found.labels : ["no label"]) counts.set(given, (counts.get(given) || 0) + 1);
      parts.push(write([...rows[i], found.labels.join("|"), shown.join("|"), decimal(found.inVocabularyShare, 4), String(found.isUnknown), String(found.isUnlike), ...words]));
      if (performance.now() > until) {
        $("done").value = i + 1;
        say($("said"), `${(i + 1).toLocaleString("en")} of ${rowsOf(rows.length)} of the column ${header[column]} labelled.`);
        await new Promise(next => setTimeout(next));
        if (its !== running) return;
        until = performance.now() + SOME_MS;
      }
    }
    $("done").hidden = true;
    const unlike = nUnlike ? ` ${nUnlike.toLocaleString("en")} ${nUnlike === 1 ? "is" : "are"} unlike the texts of the training (out_of_distribution): do not trust ${nUnlike === 1 ? "it" : "these"}.` : "";
    say($("said"), `${rowsOf(rows.length)} labelled by the column ${header[column] || column + 1}${table.encoding ? `, read as ${table.encoding}` : ""}.${unlike}`);
    const link = element("a", "", {download: `${name.replace(/\.(csv|tsv|txt)$/i, "")}-labelled${separator === "\t" ? ".tsv" : ".csv"}`, class: "save"});
    link.href = URL.createObjectURL(new Blob(parts, {type: "text/csv"}));
    link.textContent = `Save ${link.download}`;
    $("save").append(link);
    const most = Math.max(...counts.values());
    for (const [given, count] of [...counts].sort((a, b) => b[1] - a[1]).slice(0, 30)) {
      const row = element("tr"), title = element("th", "", {scope: "row"}), cell = element("td", "", {class: "bar-cell"}), bar = element("span", "", {class: "bar"});
      title.append(isolated(given));
      bar.style.width = `${100 * count / most}%`;
      cell.append(bar);
      row.append(title, element("td", count.toLocaleString("en")), cell);
      $("labelled").append(row);
    }
    $("labels-given").hidden = false;
    link.focus();
  }
  function deciding(found) {
    const about = found.given.length ? found.given[0] : model.firstHighest(found.probabilities), sums = new Map();
    found.words.forEach((word, i) => sums.set(word, (sums.get(word) || 0) + found.added[i][about]));
    return [...sums].filter(([, value]) => value > 0).sort((a, b) => b[1] - a[1]).slice(0, N_WORDS).map(([word]) => word).join(" ");
  }
  $("file").addEventListener("change", () => { if ($("file").files.length) take($("file").files[0]); $("file").value = ""; });
  $("encoding").addEventListener("change", () => { if (taken) take(taken, $("encoding").value); });
  $("column").addEventListener("change", label);
  $("with-words").addEventListener("change", () => { if (table) label(); });
  const isFile = event => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  addEventListener("dragover", event => { if (isFile(event)) { event.preventDefault(); $("drop").classList.add("over"); } });
  addEventListener("dragleave", event => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
  addEventListener("drop", event => {
    if (!isFile(event)) return;
    event.preventDefault();
    $("drop").classList.remove("over");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
})();
