"use strict";
// What a person says of a text is put into `outbox` and on the screen is the next one at once. The outbox is sent in
// order, again and again until it has arrived; each answer has a token, by which the server counts it once. It is also
// kept by the browser, so that a page that is closed or loaded again loses nothing.
const $ = id => document.getElementById(id);
const MANY = 9, SHOWN = 60, HELD = 2, LEFT_OUT = "-", WAITS = [300, 700, 1500, 3000, 5000];
let state = null;
let held = [];          // texts to answer: the first is on the screen, the next one is there already
let outbox = [];        // answers that have not arrived
let chosen = new Set(); // labels of the text on the screen, where it may have several
let isOver = false;     // there is no other text
let isLost = false;     // the connection
let review = null;      // {of, settles, texts, at, done, now: labels given in it, held: what was before}
let person = "";
let line = Promise.resolve(); // requests go one after the other

// Requests
const token = (() => {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) { sessionStorage.setItem("token", given); history.replaceState(null, "", location.pathname); }
  return sessionStorage.getItem("token");
})();
class Refused extends Error { constructor(status, message) { super(message); this.status = status; } }
async function ask(path, body) {
  const headers = token ? {Authorization: "Bearer " + token} : {};
  const sent = body && JSON.stringify({project: state.project, annotator: person, ...body});
  if (body) headers["Content-Type"] = "application/json";
  const got = await fetch(path, {method: body ? "POST" : "GET", headers, body: sent, signal: AbortSignal.timeout(20000)});
  const found = await got.json();
  if (got.status >= 500) throw new Error(found.error.message);
  if (!got.ok) throw new Refused(got.status, found.error.message);
  return found;
}
function newToken() { return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join(""); }
const wait = time => new Promise(done => setTimeout(done, time));
async function insist(path, makeBody) { // until there is an answer
  for (let n = 0; ; n++) {
    try { const found = await ask(path, makeBody && makeBody()); connected(true); return found; }
    catch (error) {
      if (error instanceof Refused) { connected(true); throw error; }
      connected(false, error instanceof TypeError || error.name === "TimeoutError" || error instanceof SyntaxError ? "" : error.message);
      await wait(WAITS[Math.min(n, WAITS.length - 1)]);
    }
  }
}
const windowId = (() => { // of this window, also after a reload; a copy of a window is another one
  const isSame = performance.getEntriesByType("navigation").some(one => one.type === "reload");
  const id = isSame && sessionStorage.getItem("bywords window") || newToken();
  sessionStorage.setItem("bywords window", id); return id;
})();
const inLine = work => (line = line.then(work).catch(error => trouble(error.message)));
function connected(is, why) {
  const kept = outbox.length, answers = kept === 1 ? "1 answer is" : kept + " answers are";
  if (!is) trouble((why || "The server does not answer.") + (kept ? ` ${answers} kept here` : " Nothing is lost") + "; trying again. Is `bywords label` running?");
  else if (isLost) { trouble(""); hear("Connected again."); }
  isLost = !is;
}
function trouble(words) { if ($("trouble").textContent !== words) $("trouble").textContent = words; $("trouble").hidden = !words; }
function hint(words) { if ($("answer").hidden) hear(words); else $("suggestion").textContent = words; } // what a key has not done
function hear(words) { $("heard").textContent = words; }

// Answers
const key = () => `bywords ${state.project} ${person}\n`; // and the window: each keeps its own
function keep() {
  try {
    if (outbox.length) localStorage.setItem(key() + windowId, JSON.stringify(outbox.map(({item, ...sent}) => sent)));
    else localStorage.removeItem(key() + windowId);
  } catch { /* full, or forbidden: the page has them */ }
}
function kept() { // of this window and of others, which may be closed; what one of those sends too counts once
  const found = [];
  for (const name of Object.keys(localStorage).filter(name => name.startsWith(key()))) {
    try { found.push(...JSON.parse(localStorage.getItem(name))); } catch { /* none of ours */ }
    localStorage.removeItem(name);
  }
  return found;
}
const known = () => [...held.map(item => item.id), ...outbox.map(sent => sent.id)];
function answer(kind, labels = []) {
  const item = held[0];
  if (!item) return;
  if (review && kind === "skip") return leave();
  held.shift(); if (!isLost) trouble(""); // of an answer before
  const both = labelled(item);
  if (review) review.done.push({entry: item.entry, before: new Map(review.now)});
  for (const [id, label] of both) { // of two duplicates both get what is said
    const given = kind !== "keep" ? {kind, labels} : label === LEFT_OUT ? {kind: "leave out", labels: []} : {kind: "label", labels: [label]};
    if (review) review.now.set(id, given.kind === "label" ? given.labels[0] : LEFT_OUT);
    outbox.push({id, ...given, note: $("note").value.trim(), token: newToken(), settles: Boolean(review && (review.settles || isOfOthers(item))), item});
  }
  keep();
  hear({label: labels.join(", ") || "none", skip: "skipped", unsure: "not sure", keep: "kept", "leave out": "left out"}[kind] + ".");
  show(); inLine(send); inLine(fill);
}
const isOfOthers = item => (item.said || []).some(one => one.annotator !== person && one.annotator !== "(file)"); // what corrects them is the last word
function labelled(item) { // a text of an audit, and its duplicate, with their labels now
  const both = [[item.id, item.answer ?? item.label], [item.other, item.other_answer ?? item.other_label]];
  return (item.other == null ? both.slice(0, 1) : both).map(([id, label]) => [id, review && review.now.has(id) ? review.now.get(id) : label]);
}
function leave() { held.shift(); show(); inLine(fill); } // of a review: as it is
async function send() {
  while (outbox.length) {
    const {item, ...sent} = outbox[0];
    try {
      const found = await insist("api/answers", () => ({...sent, skip: known(), page: windowId}));
      outbox.shift(); keep(); take(found);
      if (!review) hold(found.item); else if (!held.length) show();
    } catch (error) {
      outbox.shift(); keep();
      if (item && held[0] !== item) held.unshift(item);
      if (error.status === 422) take(await insist("api/state")); // the labels may be others now
      trouble(`Not taken: ${error.message}`); show();
    }
  }
}
function hold(item) {
  isOver = !item;
  if (item && !known().includes(item.id)) held.push(item);
  if (held.length <= 1) show();
}
async function fill() { // so that the next text is there before it is asked for
  while (held.length < HELD) {
    if (review) {
      const next = review.texts[review.at];
      if (!next) { isOver = true; break; }
      review.at++;
      try { held.push(await reviewed(next)); } catch (error) { trouble(error.message); }
      if (held.length <= 1) show();
      continue;
    }
    const found = await insist("api/next", () => ({skip: known(), page: windowId}));
    take(found); hold(found.item);
    if (isOver) break;
  }
  if (!held.length) show();
}
async function reviewed(entry) { // a text with what is to be looked at
  const get = async id => (await insist("api/item", () => ({id}))).item;
  const item = {...await get(entry.id), ...entry, entry};
  if (entry.other != null) item.other_text = (await get(entry.other)).text;
  if (review.of === "audit") { item.suggestion = entry.suggested ? [[entry.suggested, entry.confidence]] : []; item.words = []; }
  return item;
}
function undo() {
  inLine(async () => {
    await send();
    const found = await ask("api/undo", {page: windowId}).catch(error => { // whether it arrived is not known: look what there is
      if (!(error instanceof Refused)) { held = []; return insist("api/next", () => ({skip: [], page: windowId})); }
      throw error;
    });
    take(found);
    if (!found.item) { hint("There is nothing to undo."); return; }
    let {item} = found;
    const isOf = one => one.id === item.id || one.other === item.id, last = review && review.done.pop();
    const entry = last && isOf(last.entry) ? last.entry : review && review.texts.find(isOf);
    if (last) review.now = last.before;
    if (entry && entry.other === item.id) take(await ask("api/undo", {})); // the other one of two duplicates
    if (entry) item = await reviewed(entry);
    held = [item, ...held.filter(one => entry ? one.entry !== entry : one.id !== item.id)];
    hear("Undone."); show();
  });
}

// The text
function show() {
  const item = held[0], name = item && [item.id, item.other].filter(id => id != null).join(" "), isNew = $("text").dataset.id !== name;
  $("card").hidden = $("answer").hidden = !item; $("empty").hidden = Boolean(item) || !state || Boolean($("who").hidden === false);
  if (!item) {
    const waits = !isOver || isLost || outbox.length > 0;
    $("empty-words").textContent = waits ? (outbox.length ? "The last answers are on their way…" : "The next text is on its way…") : review ? review.n > review.texts.length ? `The first ${review.texts.length} of ${review.n} are looked through: end this review and start the next.` : `All ${review.n} are looked through.` : `No text is left here: all are labelled, skipped, or before others. ${state.status.n_skipped + state.status.n_unsure ? "Those skipped are below Review. " : ""}${state.status.n_labelled ? "End the command where it runs, with Ctrl-C: it says how to train." : ""}`;
    $("again").hidden = waits || Boolean(review); $("undo-last").hidden = waits; $("text").dataset.id = "";
    return;
  }
  if (review) $("review-name").textContent = `${review.name}: ${review.texts.indexOf(item.entry) + 1} of ${review.n.toLocaleString("en")}. A label corrects; skip leaves it as it is.`;
  chosen = new Set();
  if (isNew) { $("note").value = item.note || ""; noteOpen(Boolean(item.note)); $("filter").value = ""; isAsked = false; }
  $("text").dataset.id = name;
  $("text").replaceChildren(...(item.other_text == null ? coloured(item.text, item.words) : labelled(item).map(([, label], n) => part(label, n ? item.other_text : item.text))));
  $("card").classList.remove("fits"); void $("card").offsetWidth; $("card").classList.add("fits");
  scrollTo(0, 0);
  const said = item.other_text != null ? ["Duplicates with different labels: a label is given to both."] : item.label ? [`Labelled: ${turned(named(labelled(item)[0][1]))}`] : (item.said || []).map(one => `${one.annotator || "labelled"}: ${one.labels.map(turned).join(", ") || {skip: "skipped", unsure: "not sure"}[one.kind] || "none"}${one.note ? ` (${one.note})` : ""}`);
  $("said").textContent = said.join("\n");
  suggest(item); labels();
  if (document.activeElement.closest("[hidden]")) $("text").focus(); // a field that is gone
}
const named = label => label === LEFT_OUT ? "left out" : label;
function part(label, text) { // one of two duplicates
  const both = document.createElement("div"), name = document.createElement("span"), body = document.createElement("span");
  both.className = "duplicate"; name.className = "note"; name.textContent = `${named(label)}\n`; body.textContent = text; both.append(name, body);
  return both;
}
function coloured(text, words) {
  const signs = Array.from(text), parts = [], most = Math.max(1e-12, ...words.map(word => Math.abs(word[2])));
  let at = 0;
  for (const [start, stop, weight] of [...words].sort((a, b) => a[0] - b[0])) {
    const level = Math.ceil(4 * Math.abs(weight) / most - .4);
    if (start < at || level < 1) continue;
    const mark = document.createElement("mark");
    mark.className = `${weight > 0 ? "for" : "against"} level-${level}`; mark.textContent = signs.slice(start, stop).join("");
    parts.push(signs.slice(at, start).join(""), mark); at = stop;
  }
  return [...parts, signs.slice(at).join("")];
}
const turned = name => /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(name) ? `\u2068${name}\u2069` : name; // read from the right: it turns nothing beside it round
const percent = share => share > .995 && share < 1 ? "> 99 %" : share < .005 && share > 0 ? "< 1 %" : `${Math.round(100 * share)} %`;
const likely = item => item.suggestion.filter(([, chance], n) => state.several ? chance >= .5 : n === 0).map(([label]) => label).filter(label => state.labels.some(row => row.name === label));
function suggest(item) {
  const names = likely(item), chances = new Map(item.suggestion), shown = names.map(name => `${turned(name)} ${percent(chances.get(name))}`).join(", ");
  $("suggestion").textContent = names.length ? `Suggested: ${shown}. Enter takes it.`
    : item.is_test ? "To test on, so without a suggestion: by such texts the accuracy is measured."
    : item.why === "again" ? "Somebody else has labelled this one too." : "";
}

// Labels
let buttons = new Map(), isAsked = false; // whether the field to find labels is
const isFinding = () => isAsked || !state.labels.length || state.labels.length > MANY;
function leaveFinding() { $("filter").value = ""; isAsked = false; labels(); $("text").focus(); }
function find() { isAsked = true; labels(); $("filter").focus(); }
function matching() {
  const wanted = $("filter").value.trim().toLocaleLowerCase();
  const rows = state.labels.filter(row => row.name.toLocaleLowerCase().includes(wanted));
  const rank = row => row.name.toLocaleLowerCase() === wanted ? 0 : row.name.toLocaleLowerCase().startsWith(wanted) ? 1 : 2;
  return wanted ? rows.sort((a, b) => rank(a) - rank(b)) : rows;
}
function labels() {
  const item = held[0]; if (!item) return;
  const rows = matching(), wanted = $("filter").value.trim(), chances = new Map(item.suggestion), best = likely(item);
  const top = wanted ? [] : state.labels.filter(row => best.includes(row.name) || chosen.has(row.name));
  const shown = [...new Set([...(state.labels.length > MANY ? top : []), ...rows.slice(0, SHOWN), ...top])], had = document.activeElement && document.activeElement.dataset.label;
  $("find").hidden = !isFinding();
  buttons = new Map();
  const all = shown.map((row, n) => {
    const button = document.createElement("button"), name = document.createElement("span"), chance = document.createElement("span");
    button.type = "button"; button.dataset.label = row.name; name.className = "name"; name.append(...breakable(row.name)); name.dir = "auto"; chance.className = "chance";
    if (row.key) { const sign = document.createElement("kbd"); sign.textContent = row.key; button.append(sign); button.setAttribute("aria-keyshortcuts", row.key); }
    if (chances.has(row.name)) chance.textContent = percent(chances.get(row.name));
    button.append(name, chance);
    button.classList.toggle("suggested", best.includes(row.name)); button.classList.toggle("first", Boolean(wanted) && n === 0);
    if (state.several) button.setAttribute("aria-pressed", chosen.has(row.name));
    button.onclick = () => give(row.name); buttons.set(row.name, button);
    return button;
  });
  if (wanted && !rows.some(row => row.name.toLocaleLowerCase() === wanted.toLocaleLowerCase())) {
    all.push(extra("adding", `New label “${turned(wanted)}”`, () => inLine(() => add(wanted, true))));
  } else if (!isFinding()) {
    const button = extra("finding", "New label", find), sign = document.createElement("kbd");
    sign.textContent = "/"; button.prepend(sign); button.setAttribute("aria-keyshortcuts", "/"); all.push(button);
  }
  $("labels").replaceChildren(...all);
  const n = rows.length;
  $("found").textContent = !state.labels.length ? "There is no label yet: type the name of the first one." : wanted ? (n ? `${n} ${n === 1 ? "label fits" : "labels fit"}; Enter takes ${turned(rows[0].name)}.` : "No label fits: Enter leads to the new one, and once more adds it.") : n > SHOWN ? `${n} labels: type to find one.` : "";
  $("submit").hidden = $("none").hidden = !state.several;
  $("confirm").hidden = $("leave-out").hidden = !item.label; $("unsure").hidden = Boolean(item.label);
  if (had && buttons.has(had)) buttons.get(had).focus();
}
function breakable(name) { return name.length > 12 ? name.split(/(?<=[\p{L}\p{N}][_./:-])(?=[\p{L}\p{N}])/u).flatMap((part, n) => n ? [document.createElement("wbr"), part] : [part]) : [name]; }
function extra(id, words, does) {
  const button = document.createElement("button");
  button.type = "button"; button.id = id; button.className = "new"; button.textContent = words; button.onclick = does;
  return button;
}
function give(name) {
  if (!state.several) return answer("label", [name]);
  if (!chosen.delete(name)) chosen.add(name);
  hear(`${name} ${chosen.has(name) ? "chosen" : "taken away"}. ${chosen.size} chosen.`);
  $("filter").value = ""; labels();
}
function enter() {
  const item = held[0]; if (!item) return;
  if (state.several) {
    if (chosen.size) return answer("label", [...chosen]);
    const names = likely(item);
    if (names.length) { chosen = new Set(names); labels(); return hint(`${names.map(turned).join(", ")} chosen. Enter again keeps it.`); }
    return hint("Choose labels first, or 0 for none of them.");
  }
  const [name] = likely(item);
  if (name) give(name); else hint("There is no suggestion: choose a label.");
}
async function add(name, isGiven) {
  const before = new Set(state.labels.map(row => row.name));
  const its = () => state.labels.find(row => row.name.toLocaleLowerCase() === name.toLocaleLowerCase()) || state.labels.findLast(row => !before.has(row.name));
  try { take(await insist("api/labels", () => ({add: name}))); } catch (error) {
    take(await insist("api/state")); // another window may have added it
    if (!isGiven || !its()) throw error;
  }
  $("changed").textContent = `${its().name} is a label now.`; hear(`${its().name} is a label now.`); $("filter").value = ""; labels();
  if (isGiven) give(its().name);
}

// What stands beside it
function take(found) {
  const {item, ...rest} = found, before = state && JSON.stringify(state.labels.map(row => row.name));
  state = rest;
  const {status} = state, isReview = state.n_doubts + state.n_reviewed > 0, n = isReview ? state.n_reviewed : status.n_labelled;
  const all = isReview ? state.n_doubts + state.n_reviewed : status.n_texts, what = isReview ? "looked at" : "labelled";
  document.title = `${n} ${what} · ${state.file}`;
  $("file").textContent = state.file;
  const others = [[status.n_skipped, "skipped"], [status.n_unsure, "not sure"]].filter(([n]) => n).map(([n, what]) => ` · ${n.toLocaleString("en")} ${what}`);
  $("done").textContent = `${n.toLocaleString("en")} of ${all.toLocaleString("en")} ${what}${others.join("")}`;
  $("progress").max = all; $("progress").value = n;
  $("verdict").hidden = isReview && !state.trouble; $("sentence").hidden = isReview; // its labels are not drawn at random
  const sentence = status.sentence.replaceAll(" %", "\u00a0%");
  if ($("sentence").textContent !== sentence) $("sentence").textContent = sentence;
  $("stopped").textContent = state.trouble ? `The model does not learn: ${state.trouble}` : ""; $("stopped").hidden = !state.trouble;
  $("verdict").classList.toggle("stop", status.may_stop);
  const accuracy = status.accuracy;
  $("interval").hidden = $("short").hidden = !accuracy || isReview; // in short where the sentence is below the text
  if (accuracy) $("short").textContent = `${status.may_stop ? "Stop here: " : ""}${Math.round(100 * accuracy.low)}–${Math.round(100 * accuracy.high)} % right`;
  if (accuracy) {
    $("interval").setAttribute("aria-label", `Accuracy ${percent(accuracy.value)}, 95 % interval ${percent(accuracy.low)} to ${percent(accuracy.high)}`);
    const [range, point] = $("interval").children;
    range.style.left = `${100 * accuracy.low}%`; range.style.width = `${100 * (accuracy.high - accuracy.low)}%`; point.style.left = `${100 * accuracy.value}%`;
  }
  $("enter-does").textContent = state.several ? "done with this text" : "take the suggestion";
  const names = JSON.stringify(state.labels.map(row => row.name));
  if (names !== before) {
    for (const select of [$("old-label"), $("into")]) {
      const value = select.value;
      select.replaceChildren(...state.labels.map(row => new Option(row.name, row.name)));
      if (state.labels.some(row => row.name === value)) select.value = value;
    }
    if (before) { suggestAgain(); }
  }
  $("change").hidden = !state.labels.length;
  const most = Math.max(1, ...state.labels.map(row => row.count));
  $("counts").replaceChildren(...state.labels.map(row => {
    const one = document.createElement("div"), name = document.createElement("span"), count = document.createElement("span"), bar = document.createElement("span");
    name.append(...breakable(row.name)); name.dir = "auto"; count.textContent = row.count.toLocaleString("en"); bar.className = "bar"; bar.style.width = `${100 * row.count / most}%`;
    one.append(name, count, bar); return one;
  }));
  reviews();
}
function suggestAgain() {
  chosen = new Set([...chosen].filter(name => state.labels.some(row => row.name === name)));
  if (held[0]) { suggest(held[0]); labels(); }
}
function change(body, said) {
  inLine(async () => {
    try { await send(); take(await insist("api/labels", () => body)); $("changed").textContent = said; $("new-name").value = ""; }
    catch (error) { $("changed").textContent = error.message; }
  });
}
$("add").onsubmit = event => {
  event.preventDefault();
  const name = $("new-label").value.trim(); if (!name) return;
  inLine(() => add(name, false).then(() => { $("new-label").value = ""; }).catch(error => { $("changed").textContent = error.message; }));
};
$("change").onsubmit = event => event.preventDefault();
$("rename").onclick = () => { const old = $("old-label").value, to = $("new-name").value.trim(); if (to) change({rename: old, to}, `${turned(old)} is called ${turned(to)} now.`); };
$("merge").onclick = () => {
  const old = $("old-label").value, into = $("into").value;
  if (old === into) { $("changed").textContent = "Choose two different labels."; return; }
  if (confirm(`All texts of “${turned(old)}” will be “${turned(into)}”. This cannot be undone.`)) change({merge: [old], into}, `${turned(old)} is ${turned(into)} now.`);
};
$("split").onclick = () => look({of: "label", label: $("old-label").value}, `Texts of ${turned($("old-label").value)}`);

// Review
function reviews() {
  const {n_disagreements, n_skipped, n_unsure} = state.status, list = $("review-list");
  const all = [[state.n_doubts, "audit", "Doubtful labels"], [n_disagreements, "disagreements", "Disagreements to settle"], [n_skipped + n_unsure, "set aside", "Skipped or not sure"]];
  const shown = all.filter(([n]) => n);
  if (list.dataset.shown === JSON.stringify(shown)) return;
  list.dataset.shown = JSON.stringify(shown);
  list.replaceChildren(...shown.map(([n, of, name]) => {
    const button = document.createElement("button"); button.type = "button"; button.textContent = `${name} (${n.toLocaleString("en")})`;
    button.onclick = () => look({of}, name, of !== "set aside"); return button;
  }));
  if (!shown.length) list.textContent = "There is nothing to review.";
}
const look = (body, name, settles = false) => inLine(() => lookAt(body, name, settles));
async function lookAt(body, name, settles) {
  await send();
  const found = await insist("api/review", () => body);
  review = {of: body.of, name, n: found.n, settles, texts: found.texts, at: 0, done: [], now: new Map(), held: review ? review.held : held};
  held = []; isOver = false; $("reviewing").hidden = false;
  const agreed = found.agreement;
  $("agreement").textContent = agreed ? `Krippendorff's alpha is ${agreed.alpha.toFixed(2)} (95 % interval ${agreed.low.toFixed(2)} to ${agreed.high.toFixed(2)}), on ${agreed.n_texts.toLocaleString("en")} texts with two answers or more: 1 where all agree, 0 where they agree as by chance.` : "";
  show(); await fill(); $("text").focus();
}
$("leave-review").onclick = () => inLine(async () => { await send(); held = review.held; review = null; isOver = false; $("reviewing").hidden = true; show(); await fill(); $("text").focus(); });

// Keys and buttons
function noteOpen(is) { $("noted").hidden = !is; $("take-note").setAttribute("aria-expanded", is); }
$("skip").onclick = () => answer("skip"); $("unsure").onclick = () => answer("unsure"); $("undo").onclick = $("undo-last").onclick = undo;
$("confirm").onclick = () => answer("keep"); $("leave-out").onclick = () => answer("leave out"); $("submit").onclick = enter; $("none").onclick = () => answer("label", []);
$("take-note").onclick = () => { noteOpen($("noted").hidden); if (!$("noted").hidden) $("note").focus(); };
$("again").onclick = () => { isOver = false; show(); inLine(fill); };
$("note").onkeydown = event => { if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); event.stopPropagation(); $("text").focus(); } };
$("filter").oninput = labels;
$("filter").onkeydown = event => {
  event.stopPropagation();
  if (event.key === "Escape") { event.preventDefault(); leaveFinding(); }
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  const [first] = matching();
  if (!$("filter").value.trim()) enter(); else if (first) give(first.name); else if ($("adding")) $("adding").focus();
};
$("keys").checked = localStorage.getItem("bywords keys") !== "off";
$("keys").onchange = () => localStorage.setItem("bywords keys", $("keys").checked ? "on" : "off");
addEventListener("keydown", event => {
  const at = event.target;
  if (!$("keys").checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || !state) return;
  if (at.closest("input:not([type=checkbox]), select, textarea")) return;
  if ($("answer").hidden && (event.key.toLowerCase() !== "u" || $("empty").hidden || $("undo-last").hidden)) return;
  const row = state.labels.find(row => row.key === event.key);
  const does = row ? () => give(row.name) : {
    Enter: at.closest("button, summary, a") ? null : enter, s: () => answer("skip"), x: $("unsure").hidden ? null : () => answer("unsure"), u: undo,
    k: $("confirm").hidden ? null : () => answer("keep"), l: $("confirm").hidden ? null : () => answer("leave out"),
    n: () => $("take-note").click(), "/": find, Escape: isAsked || $("filter").value ? leaveFinding : null, 0: state.several ? () => answer("label", []) : null,
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (does) { event.preventDefault(); does(); }
});

// Start
async function begin() {
  try { outbox = kept(); } catch { outbox = []; } // where nothing may be kept
  keep();
  $("who").hidden = true; $("person").textContent = person ? `· ${person}` : "";
  show(); await send();
  if (state.n_doubts) await lookAt({of: "audit"}, "Doubtful labels", true); else await fill();
}
$("who").onsubmit = event => { event.preventDefault(); person = $("annotator").value; localStorage.setItem("bywords person", person); inLine(begin); };
inLine(async () => {
  take(await insist("api/state"));
  if (!state.annotators.length) return begin();
  $("annotator").replaceChildren(...state.annotators.map(name => new Option(name, name)));
  const last = localStorage.getItem("bywords person");
  if (state.annotators.includes(last)) $("annotator").value = last;
  $("who").hidden = false; $("annotator").focus();
});
