// A text → the tokens that bywords cuts it into, and where they are in it: as bywords/text has it, step by step.
// Tables of code points come with the page: the browser's own Unicode may be older or newer than that of training.
"use strict";
const SPACE = 0, WORD = 1, SIGN = 2, UNSPACED = 3, MARK = 4, LOOKED_AT = 255;  // of bywords.kernels
const IN_WORD = 1, DECIMAL = 2, UPPER = 4, LOWER = 8, CASED = 16, IGNORABLE = 32;  // bits of what Python says of a sign
const BLANKS = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SEPARATOR = "\x1f", TOKEN_END = "\ufdd0";
const isAscii = text => !/[^\x00-\x7f]/.test(text);
const smallAscii = text => text.replace(/[A-Z]+/g, letters => letters.toLowerCase());

// `of` are the tables: bytes by code point (kinds, orders, combining, classes), and texts by character.
function textReader(of, settings) {
  const kindOf = point => point < of.kinds.length ? of.kinds[point] : SIGN;
  const classOf = point => of.classes[point] || 0;

  // A class of a regular expression, of the signs that have the first bits and none of the second.
  function signsWith(bits, without = 0) {
    let found = "", start = -1;
    for (let point = 0; point <= of.classes.length; point++) {
      const is = (classOf(point) & bits) && !(classOf(point) & without) && point !== (without ? 0x5f : -1);
      if (is && start < 0) start = point;
      if (!is && start >= 0) { found += `\\u{${start.toString(16)}}-\\u{${(point - 1).toString(16)}}`; start = -1; }
    }
    return found;
  }
  const W = signsWith(IN_WORD), L = signsWith(IN_WORD, DECIMAL), D = signsWith(DECIMAL);
  const all = source => new RegExp(source, "gu"), at = source => new RegExp(source, "uy");
  const matchAt = (pattern, text, index) => { pattern.lastIndex = index; return pattern.exec(text); };

  // Normal form C (Unicode Standard Annex 15), by tables of the Python that exported the page.
  function composed(text) {
    const points = [];
    for (const sign of text) {
      const point = sign.codePointAt(0), hangul = point - 0xac00;
      if (hangul >= 0 && hangul < 11172) {
        points.push(0x1100 + Math.floor(hangul / 588), 0x1161 + Math.floor((hangul % 588) / 28));
        if (hangul % 28) points.push(0x11a7 + hangul % 28);
      } else for (const part of of.decomposed[sign] || sign) points.push(part.codePointAt(0));
    }
    const classes = points.map(point => of.combining[point] || 0);
    for (let end = 1; end < points.length; end++) {
      for (let i = end; i > 0 && classes[i] && classes[i - 1] > classes[i]; i--) {
        [points[i - 1], points[i]] = [points[i], points[i - 1]];
        [classes[i - 1], classes[i]] = [classes[i], classes[i - 1]];
      }
    }
    const out = [];
    let starter = -1, last = 0;
    points.forEach((point, index) => {
      const of_class = classes[index];
      if (starter >= 0 && (last < of_class || (!last && starter === out.length - 1))) {
        const pair = pairOf(out[starter], point);
        if (pair) { out[starter] = pair; return; }
      }
      if (!of_class) starter = out.length;
      last = of_class;
      out.push(point);
    });
    return out.map(point => String.fromCodePoint(point)).join("");
  }
  function pairOf(left, right) {
    if (left >= 0x1100 && left < 0x1113 && right >= 0x1161 && right < 0x1176)
      return 0xac00 + ((left - 0x1100) * 21 + right - 0x1161) * 28;
    const hangul = left - 0xac00;
    if (hangul >= 0 && hangul < 11172 && hangul % 28 === 0 && right > 0x11a7 && right < 0x11c3) return left + right - 0x11a7;
    const pair = of.pairs[String.fromCodePoint(left, right)];
    return pair ? pair.codePointAt(0) : 0;
  }

  // A text on its way: `starts` and `ends` say where each of its code units comes from; null where nobody asks.
  const traceOf = text => ({text, starts: Array.from({length: text.length}, (_, i) => i), ends: Array.from({length: text.length}, (_, i) => i + 1)});
  function edited(trace, edits) {
    if (!edits.length) return trace;
    const {text, starts, ends} = trace, parts = [], firsts = [], lasts = [];
    let done = 0;
    const keep = end => {
      parts.push(text.slice(done, end));
      if (starts) for (let i = done; i < end; i++) { firsts.push(starts[i]); lasts.push(ends[i]); }
    };
    for (const [start, end, fresh] of edits) {
      keep(start);
      parts.push(fresh);
      if (starts) for (let i = 0; i < fresh.length; i++) { firsts.push(starts[start]); lasts.push(ends[end - 1]); }
      done = end;
    }
    keep(text.length);
    return {text: parts.join(""), starts: starts && firsts, ends: starts && lasts};
  }

  // Before a sign whose order is 0, nothing is composed with what is behind: parts change each for itself.
  function compositions(text) {
    const edits = [];
    let start = 0, index = 0, isSuspect = false, before = 0;
    const close = end => {
      if (isSuspect) {
        const part = text.slice(start, end), whole = composed(part);
        if (whole !== part) edits.push([start, end, whole]);
      }
      start = end; isSuspect = false;
    };
    while (index < text.length) {
      const point = text.codePointAt(index), order = point < 0x300 ? 0 : of.orders[point] || 0;
      if (order === 0) close(index);
      isSuspect ||= order === LOOKED_AT || (order > 0 && before > order);
      before = order;
      index += point > 0xffff ? 2 : 1;
    }
    close(text.length);
    return edits;
  }

  const ENTITY = all(`&(?:(?:amp|#0*38|#[xX]0*26);)*(#[${D}]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});`);
  const signs = new Map();
  function signOf(entity, name) {
    if (name[0] === "#") return numbered(name);
    if (!signs.has(name)) {
      const sign = new DOMParser().parseFromString(`<p>&${name};</p>`, "text/html").querySelector("p").textContent;
      signs.set(name, sign.endsWith(";") && name !== "semi" ? null : sign);
    }
    return signs.get(name) ?? (entity.length === name.length + 2 ? entity : `&${name};`);
  }
  function numbered(name) {
    const found = /^#(?:[xX]([0-9a-fA-F]+)|([0-9]+))/.exec(name);
    if (!found) return `&${name};`;
    const rest = found[0].length === name.length ? "" : name.slice(found[0].length) + ";";
    const point = found[1] ? parseInt(found[1], 16) : parseInt(found[2], 10);
    return signNumbered(point) + rest;
  }
  function signNumbered(point) {
    if (point === 0 || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) return "\ufffd";
    if (point >= 0x80 && point <= 0x9f) return new TextDecoder("windows-1252").decode(new Uint8Array([point]));
    const isNone = (point < 0x20 && !/[\t\n\f\r]/.test(String.fromCharCode(point))) || point === 0x7f ||
      (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) === 0xfffe;
    return isNone ? "" : String.fromCodePoint(point);
  }
  const entities = text => Array.from(text.matchAll(ENTITY), found => [found.index, found.index + found[0].length, signOf(found[0], found[1])]);

  const ESCAPE = /\\+(?:[ntr"'/]|u[0-9a-fA-F]{4}(?:\\+u[dD][c-fC-F][0-9a-fA-F]{2})?|x[0-9a-fA-F]{2}(?:\\+x[0-9a-fA-F]{2})*)/g;
  const NAME = `[${W}.()&\\-]+`, FILLED = `[^${BLANKS}]`;
  const DRIVE = all(`(?<![A-Za-z])(?![AaQq]:\\\\+[ntr])[A-Za-z]:\\\\(?:${NAME}(?: ${NAME}){0,2}\\\\+)*${FILLED}*`);
  const SERVER = all(`(?<![\\\\${W}])\\\\\\\\[${W}][${W}.\\-]*\\\\[${W}$]${FILLED}*`);
  const PATH = at(
    "\\.{1,2}\\\\" +
    `|[${W}.\\-]+(?:\\\\[${W}.\\-]+)+\\.(?:txt|csv|exe|dll|py|docx?|xlsx?|pdf|png|jpe?g|log|ini|xml|json|html?|zip|bat|sys|cfg` +
    `|cpp|cs|java|js)(?![${W}])` +
    `|[${W}.\\-]+(?:\\\\[${W}\\-]+)*\\\\(?!x[0-9a-fA-F]{2})[A-Za-mo-qsv-z][${W}\\-]*(?:\\\\[${W}.\\-]+)+` +
    `|[${W}.\\-]+\\\\[${W}\\-]+(?:\\\\[${W}.\\-]+)*\\\\(?!x[0-9a-fA-F]{2})[A-Za-mo-qsv-z][${W}.\\-]*`);
  const LATEX = at("\\\\(?:nabla|neq|newline|newcommand|newpage|noindent|normalsize|nonumber|notin|tau|theta|times|text(?:bf|it|tt|rm)?" +
    "|tilde|tanh?|triangle|rho|right(?:arrow)?|rangle|rceil|rfloor|renewcommand|ref)(?![A-Za-z])");
  const LATEX_IN_FORMULAS = at("\\\\(?:nu|ne|ni|not|to|top|rm)(?![A-Za-z])");
  const ENDS_SENTENCE = new RegExp(`(?:[!?,;]|[${W}]\\.)\\n?$`, "u");

  function escapes(text) {
    const edits = [];
    for (const found of text.matchAll(ESCAPE)) {
      const start = found.index, before = lastSigns(text, start, 2);
      if (isInPath(text, start) && !ENDS_SENTENCE.test(before)) continue;
      if (matchAt(LATEX, text, start) || (text.includes("$") && matchAt(LATEX_IN_FORMULAS, text, start))) continue;
      edits.push([start, start + found[0].length, unescaped(found[0])]);
    }
    return edits;
  }
  const lastSigns = (text, end, n) => Array.from(text.slice(Math.max(0, end - 2 * n), end)).slice(-n).join("");
  function isInPath(text, index) {
    const before = lastSigns(text, index, 160), place = before.length;
    const around = before + Array.from(text.slice(index, index + 160)).slice(0, 80).join("");
    for (const [sign, pattern] of [[":\\", DRIVE], ["\\\\", SERVER]]) {
      if (!around.includes(sign)) continue;
      for (const path of around.matchAll(pattern)) if (path.index <= place && place < path.index + path[0].length) return true;
    }
    const start = Math.max(before.lastIndexOf(" "), before.lastIndexOf("\n"), before.lastIndexOf("\t")) + 1;
    return matchAt(PATH, around.slice(start).replace(/^["'(\[{<`]+/, ""), 0) !== null;
  }
  function unescaped(written) {
    const bare = written.replace(/^\\+/, ""), kind = bare[0], rest = bare.slice(1);
    if ("ntr".includes(kind)) return " ";
    if (kind === "u") {
      const units = rest.match(/[0-9a-fA-F]{4}/g).map(unit => parseInt(unit, 16));
      return String.fromCharCode(...units).replace(/[\ud800-\udfff]/gu, "\ufffd");
    }
    if (kind !== "x") return kind;
    const bytes = new Uint8Array(Array.from(written.matchAll(/x(..)/g), pair => parseInt(pair[1], 16)));
    try { return new TextDecoder("utf-8", {fatal: true, ignoreBOM: true}).decode(bytes); }
    catch { return String.fromCharCode(...bytes); }
  }

  const EMOJI = "\\u2190-\\u2bff\\u3030\\u303d\\u3297\\u3299\\u{1f000}-\\u{1faff}";
  const JOINING = "\\u0600-\\u07ff\\u08a0-\\u08ff\\u0900-\\u0dff\\u1000-\\u109f\\u1780-\\u18af\\ua840-\\ua87f\\ufb50-\\ufdff\\ufe70-\\ufefc";
  const WITHOUT_BLANKS = "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff";
  const JOINED_EMOJI = at(`(?<=[${EMOJI}\\ufe0f])\\u200d(?=[${EMOJI}])`);
  const JOINED_LETTERS = at(`(?<=[${JOINING}])[\\u200c\\u200d](?=[${JOINING}])`);
  const BETWEEN_WORDS = at(`(?<=[${WITHOUT_BLANKS}])\\u200b+(?=[${WITHOUT_BLANKS}])`);
  const FINAL_SIGMA = all(`(?<=[${L}])\\u03a3(?![${L}])`), WITH_I = all(`[${L}]*I[${L}]*`);
  const replaced = (text, pattern, fresh) =>
    Array.from(text.matchAll(pattern), found => [found.index, found.index + found[0].length, fresh(found)]);

  function joiners(text) {
    return replaced(text, /[\u200b-\u200d]+/g, found => {
      const start = found.index;
      const isKept = found[0].length === 1 && (matchAt(JOINED_EMOJI, text, start) || matchAt(JOINED_LETTERS, text, start));
      return isKept ? found[0] : matchAt(BETWEEN_WORDS, text, start) ? " " : "";
    });
  }
  const flags = text => replaced(text, /(?<=\u{1f3f4})[\u{e0020}-\u{e007e}]+/gu, found =>
    Array.from(found[0], sign => String.fromCharCode(sign.codePointAt(0) - 0xe0000)).join(""));
  function turkishCapitals(text) {
    if (!text.includes("I") || !(/[ıİğĞ]/.test(text) || (/[şŞ]/.test(text) && !/[ăâîţêûĂÂÎŢÊÛ]/.test(text)))) return [];
    const edits = [];
    for (const {0: word, index} of text.matchAll(WITH_I)) {
      const classes = Array.from(word, sign => classOf(sign.codePointAt(0)));
      const isUpper = classes.some(its => its & UPPER) && !classes.some(its => its & LOWER);
      if (word.length > 1 && Array.from(word).length > 1 && (isUpper || /[ıİğĞşŞçÇöÖüÜ]/.test(word)))
        for (let i = 0; i < word.length; i++) if (word[i] === "I") edits.push([index + i, index + i + 1, "ı"]);
    }
    return edits;
  }
  const small = [
    text => replaced(text, /i\u0307/g, () => "i"), text => text.includes("Σ") ? replaced(text, FINAL_SIGMA, () => "ς") : [], turkishCapitals,
  ];
  function singleCharacters(text) {
    const edits = [];
    for (let index = 0; index < text.length;) {
      const point = text.codePointAt(index), width = point > 0xffff ? 2 : 1;
      if (point >= 0x80) {
        const fresh = of.replacements[String.fromCodePoint(point)];
        if (fresh !== undefined) edits.push([index, index + width, fresh]);
      }
      index += width;
    }
    return edits;
  }
  function shorterRuns(text) {
    const edits = [];
    for (const {0: word, index} of text.matchAll(/[A-Za-z0-9\u00c0-\u07ff]+/g)) {
      const letters = smallAscii(word);
      if (/[0-9]/.test(word) || /^[A-Z]{1,4}$/.test(word) || /^(.)\1*$/.test(letters)) continue;
      const isRoman = /^[ivxlcdm]+$/.test(letters);
      for (const {0: run, index: start} of letters.matchAll(/([a-z\u00c0-\u057f])\1\1+|([\u0580-\u07ff])\2\2\2+/g))
        if (!(isRoman && run.length === 3)) edits.push([index + start + 1, index + start + run.length, word[start + 1]]);
    }
    return edits;
  }

  function normalized(trace) {
    const step = change => { trace = edited(trace, change(trace.text)); };
    const isPlain = isAscii(trace.text);
    if (!isPlain) step(compositions);
    if (trace.text.includes("&")) step(entities);
    if (trace.text.includes("\\")) step(escapes);
    if (!isPlain || !isAscii(trace.text)) {
      step(compositions);
      [joiners, flags, ...(settings.lowercase ? small : [])].forEach(step);
      step(compositions);
      step(singleCharacters);
      step(compositions);
    }
    if (/([a-z\u00c0-\u07ff])\1\1/i.test(trace.text) || /[\u00c0-\u07ff]/.test(trace.text)) step(shorterRuns);
    return settings.lowercase ? {...trace, text: smallAscii(trace.text)} : trace;
  }

  // As Python's `lower`: a capital sigma at the end of a word is another small letter than elsewhere.
  function lowered(text) {
    if (isAscii(text)) return text.toLowerCase();
    const signs = Array.from(text), classes = signs.map(sign => classOf(sign.codePointAt(0)));
    const isCased = (index, step) => {
      for (index += step; index >= 0 && index < signs.length; index += step) if (!(classes[index] & IGNORABLE)) return (classes[index] & CASED) > 0;
      return false;
    };
    return signs.map((sign, index) => sign !== "Σ" ? of.lower[sign] ?? sign : isCased(index, -1) && !isCased(index, 1) ? "ς" : "σ").join("");
  }
  const withoutAccents = text => isAscii(text) ? text : composed(Array.from(text, sign => {
    const hangul = sign.codePointAt(0) - 0xac00;
    return hangul >= 0 && hangul < 11172 ? sign : of.stripped[sign] ?? sign;
  }).join(""));

  // Each sign changed for itself or with those that it is composed with; what it was made from is the whole part.
  function byParts(trace, change) {
    const changed = change(trace.text);
    if (!trace.starts || changed === trace.text) return {...trace, text: changed, ...(changed === trace.text ? {} : {starts: null, ends: null})};
    const cuts = [];
    for (let index = 0; index < trace.text.length;) {
      const point = trace.text.codePointAt(index);
      if (!(point >= 0x300 && of.orders[point])) cuts.push(index);
      index += point > 0xffff ? 2 : 1;
    }
    const edits = [];
    cuts.forEach((start, i) => {
      const end = cuts[i + 1] ?? trace.text.length, fresh = change(trace.text.slice(start, end));
      if (fresh.length !== end - start) edits.push([start, end, fresh]);
      else for (let at = start; at < end; at++) edits.push([at, at + 1, fresh[at - start]]);
    });
    const made = edited(trace, edits);
    return made.text.length === changed.length ? {...made, text: changed} : {text: changed, starts: null, ends: null};
  }
  function seen(text, isTraced) {
    let trace = isTraced ? traceOf(text) : {text, starts: null, ends: null};
    if (settings.strip_accents && settings.what !== "given") trace = byParts(trace, withoutAccents);
    if (settings.what === "given") return trace;
    if (settings.normalize) return normalized(trace);
    return byParts(trace, part => { const made = settings.lowercase ? lowered(part) : part; return edited({text: made}, compositions(made)).text; });
  }

  // The tokens of a text, and the code units of it that they are cut from; null where they are not known.
  function cut(text, isTraced) {
    const {text: read, starts, ends} = seen(text.replace(/[\ud800-\udfff]/gu, "?"), isTraced);
    const words = [], spans = [];
    const add = (start, end) => { words.push(read.slice(start, end)); spans.push(start, end); };
    ({words: cutWords, signs: cutWords, longer: cutLonger, characters: cutCharacters, given: cutGiven})[settings.what](read, add);
    const found = isTraced ? words.map((_, i) => starts ? [starts[spans[2 * i]], ends[spans[2 * i + 1] - 1]] : null) : null;
    return {words, spans: found};
  }
  function cutWords(text, add) {
    const n = text.length, kinds = of.kinds;
    const kindAt = index => { const unit = text.charCodeAt(index); return unit < 0xd800 || unit > 0xdbff ? kinds[unit] : kindOf(text.codePointAt(index)); };
    const widthAt = index => { const unit = text.charCodeAt(index); return unit >= 0xd800 && unit < 0xdc00 ? 2 : 1; };
    const isInWord = index => { const kind = kindAt(index); return kind === WORD || kind === MARK; };
    for (let index = 0; index < n;) {
      const kind = kindAt(index), start = index;
      if (kind === SPACE || (kind === SIGN && settings.what !== "signs")) { index += widthAt(index); continue; }
      if (kind === SIGN) { index += widthAt(index); add(start, index); continue; }
      if (kind === UNSPACED) {
        const bounds = [index];
        while (index < n && kindAt(index) === UNSPACED) {
          index += widthAt(index);
          while (index < n && kindAt(index) === MARK) index += widthAt(index);
          bounds.push(index);
        }
        for (let size = 1; size <= 2; size++) for (let i = 0; i + size < bounds.length; i++) add(bounds[i], bounds[i + size]);
        continue;
      }
      while (index < n) {
        const unit = text.charCodeAt(index);
        if (isInWord(index)) index += widthAt(index);
        else if ((unit === 0x27 || unit === 0x2019) && index + 1 < n && isInWord(index + 1)) index += 1;
        else break;
      }
      add(start, index);
    }
  }
  function cutLonger(text, add) {
    let start = 0, length = 0;
    for (let index = 0; index <= text.length;) {
      const point = index < text.length ? text.codePointAt(index) : 0x20, kind = kindOf(point);
      if (kind === SPACE || kind === SIGN) {
        if (length > 1) add(start, index);
        start = index + (point > 0xffff ? 2 : 1); length = 0;
      } else length++;
      index += point > 0xffff ? 2 : 1;
    }
  }
  function cutCharacters(text, add) {
    for (let index = 0; index < text.length;) {
      const start = index, kind = kindOf(text.codePointAt(index));
      index += text.codePointAt(index) > 0xffff ? 2 : 1;
      if (kind === SPACE || kind === MARK) continue;
      while (index < text.length && kindOf(text.codePointAt(index)) === MARK) index += text.codePointAt(index) > 0xffff ? 2 : 1;
      add(start, index);
    }
  }
  function cutGiven(text, add) {
    if (!text.includes(TOKEN_END)) { for (const found of text.matchAll(new RegExp(`[^${BLANKS}]+`, "g"))) add(found.index, found.index + found[0].length); return; }
    const stop = text.endsWith(TOKEN_END) ? text.length - 1 : text.length;
    for (let start = 0, end; start <= stop; start = end + 1) {
      end = text.indexOf(TOKEN_END, start);
      if (end < 0 || end > stop) end = stop;
      add(start, end);
    }
  }

  const stopWords = new Set(settings.stop_words), isSettled = settings.what === "given" || settings.strip_accents || stopWords.size > 0;
  function settled(word) {
    if (settings.what === "given") word = word.replace(/^\x1f+/, "");
    if (settings.lowercase) word = lowered(word);
    return settings.strip_accents ? withoutAccents(word) : word;
  }
  return function tokens(text, isTraced = false) {
    const found = cut(text, isTraced);
    if (!isSettled) return found;
    const words = [], spans = [];
    found.words.map(settled).forEach((word, i) => {
      if (word && !stopWords.has(word)) { words.push(word); if (isTraced) spans.push(found.spans[i]); }
    });
    return {words, spans: isTraced ? spans : null};
  };
}
