// Bytes of a csv → rows, as Python's package reads them; rows → a csv.
"use strict";
const SIGNATURES = {  // the first bytes of files that are none of text
  "an Excel workbook or another zip": [0x50, 0x4b, 3, 4], "an old Excel workbook": [0xd0, 0xcf, 0x11, 0xe0],
  "a Parquet file": [0x50, 0x41, 0x52, 0x31], "a PDF": [0x25, 0x50, 0x44, 0x46], "compressed by gzip": [0x1f, 0x8b],
};
const SEPARATORS = [",", ";", "\t", "|"], HEAD_LINES = 30;

// What files are in that are not UTF-8, as browsers call it, the commonest first; and what languages of Latin letters have
// beside a to z: as bywords/io/encodings.py has it, by which the commands say what is likeliest.
const LATIN = ["windows-1252", "windows-1250", "windows-1254", "windows-1257", "macintosh"];
const ENCODINGS = [...LATIN, "windows-1251", "koi8-r", "windows-1253", "windows-1255", "windows-1256", "windows-874", "shift_jis", "euc-jp", "gb18030", "big5", "euc-kr"];
const ALPHABETS = [
  "àâæçèéêëîïôœùûüÿ", "áéíñóúü", "àáâãçéêíòóôõúü", "àèéìíîòóùú", "äöüß", "áàéèíïóòúüç", "áéíóúýþæöð",
  "åäöéü", "åæøéèêòóôü", "àáäéëèêïíîóöôúûü", "äõöüšž", "áâêîôûŵŷïäëö",
  "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîșțşţ", "çëáéí",
  "çğıöşüâîûİ", "āčēģīķļņšūž", "ąčęėįšųūž",
];
const ODD = /(?<=[\p{L}\p{Nl}\p{No}])[^\x00-\x7f\p{L}\p{N}_’'‐-―](?=[\p{L}\p{Nl}\p{No}])|(?<=[a-zà-ÿ])[À-Þ](?=[a-zà-ÿ])/gu;  // within words
const LATIN_SHARE = 0.3, SAMPLE_BYTES = 20000;

function decodedIn(encoding, bytes, isCut = false) {  // null where it is not in this encoding
  try {
    const text = new TextDecoder(encoding, {fatal: true}).decode(bytes, {stream: isCut});
    return /[\x80-\x9f]/.test(text) ? null : text;
  } catch { return null; }
}

// {readings: [encoding, what a word reads as in it] each, encoding: the likeliest, "" where it is not clear}.
function readingsOf(bytes) {
  const sample = [];
  let nOther = 0, nAscii = 0;
  for (let start = 0, end; start < bytes.length && sample.length < SAMPLE_BYTES; start = end + 1) {
    end = bytes.indexOf(10, start);
    if (end < 0) end = bytes.length;
    const line = bytes.subarray(start, Math.min(end, start + SAMPLE_BYTES));
    if (line.some(byte => byte > 127)) sample.push(...line, 10);
  }
  for (const byte of sample) if (byte > 127) nOther++; else if (/[A-Za-z]/.test(String.fromCharCode(byte))) nAscii++;
  const found = new Map();  // what each reads as: of encodings in which it is the same the commonest
  for (const encoding of ENCODINGS) {
    const text = decodedIn(encoding, new Uint8Array(sample), true);
    if (text !== null && ![...found.values()].includes(text)) found.set(encoding, text);
  }
  const odd = text => {
    const letters = (text.match(/[\p{L}\p{Nl}\p{No}]/gu) || []).filter(letter => !/[a-z]/i.test(letter));
    const foreign = one => letters.filter(letter => !one.includes(letter) && !one.includes(letter.toLowerCase())).length;
    return Math.min(...ALPHABETS.map(foreign)) + (text.match(ODD) || []).length;
  };
  const latin = nOther <= LATIN_SHARE * (nOther + nAscii) ? LATIN.filter(name => found.has(name)).map(name => [odd(found.get(name)), name]) : [];
  const least = Math.min(...latin.map(([n]) => n));
  const example = text => (text.match(/[^\s;,|"]*[^\x00-\x7f][^\s;,|"]*/) || [""])[0].slice(0, 30);
  return {readings: [...found].map(([name, text]) => [name, example(text)]), encoding: (latin.find(([n]) => n === least) || [0, ""])[1]};
}

// {text, encoding, readings} of bytes: the last two of those that are not in Unicode. Throws what has `readings` where it
// is not clear which is right.
function textOfBytes(bytes, asked) {
  const starts = (...mark) => mark.every((byte, i) => bytes[i] === byte);
  const other = Object.keys(SIGNATURES).find(name => starts(...SIGNATURES[name]));
  if (other) throw new Error(`The file is ${other}, not a csv: save its table as “CSV UTF-8” in the program that it is from, and drop that.`);
  const isLittle = (starts(0xff, 0xfe) && !starts(0xff, 0xfe, 0, 0)) || (bytes.length >= 4 && !bytes[1] && !bytes[3] && bytes[0] && bytes[2]);
  const isBig = starts(0xfe, 0xff) || (bytes.length >= 4 && !bytes[0] && !bytes[2] && bytes[1] && bytes[3]);
  try { return {text: new TextDecoder(isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8", {fatal: true}).decode(bytes)}; }
  catch { /* another one */ }
  const {readings, encoding} = isLittle || isBig || bytes.includes(0) ? {readings: []} : readingsOf(bytes), chosen = asked || encoding;
  if (!readings.length) throw new Error("The file is not in UTF-8, and perhaps no text: save it as “CSV UTF-8”, or as UTF-8, and drop it again.");
  if (!chosen) throw Object.assign(new Error("The file is not in UTF-8: choose the encoding in which it reads right."), {readings});
  const text = decodedIn(chosen, bytes);
  if (text === null) throw Object.assign(new Error(`The file is not in UTF-8, and not in ${chosen}: choose another encoding.`), {readings});
  return {text, encoding: chosen, readings};
}

const rowsOf = n => `${n.toLocaleString("en")} ${n === 1 ? "row" : "rows"}`;

// The options of a list of encodings in which a file may be, by what they make of it.
function encodingOptions({readings, encoding}) {
  const options = readings.map(([name, example]) => new Option(`${name}: ${example}`, name, false, name === encoding));
  return encoding ? options : [new Option("choose …", ""), ...options];
}

// The records of a text, strictly: [line, fields] each. Blank lines are skipped. Throws, naming the line.
function recordsOf(text, separator, {isSpaced = false, hasQuotes = true, isLenient = false} = {}) {
  const records = [];
  let fields = [], field = "", line = 1, first = 1, state = "start", width = 0;  // start, plain, quoted, closed
  const fail = (at, why) => { throw new Error(`Line ${at}: ${why}`); };
  const UNCLOSED = "the quotes of the row that starts here are not closed as they should be. Put a field in double quotes as a whole, and write a quote inside of it twice.";
  const endField = () => { fields.push(field); field = ""; state = "start"; };
  const endRecord = () => {
    if (fields.length || field || state !== "start") {
      endField();
      width ||= fields.length;
      if (fields.length !== width)
        fail(first, `expected ${width} fields as in the first line, found ${fields.length}. Put a field with “${separator}” or a new line in it into double quotes.`);
      records.push([first, fields]);
    }
    fields = []; first = line;
  };
  for (let i = 0; i < text.length; i++) {
    const sign = text[i], isEnd = sign === "\n" || sign === "\r";
    const isPair = sign === "\r" && text[i + 1] === "\n";
    if (state === "quoted") {
      if (sign === '"') { if (text[i + 1] === '"') { field += sign; i++; } else state = "closed"; }
      else { field += sign; if (isPair) { field += "\n"; i++; } if (isEnd) line++; }
      continue;
    }
    if (isEnd) { if (isPair) i++; line++; endRecord(); }
    else if (sign === separator) endField();
    else if (state === "closed" && !isLenient) fail(first, UNCLOSED);
    else if (hasQuotes && sign === '"' && state === "start") state = "quoted";
    else if (isSpaced && sign === " " && state === "start" && !field) continue;
    else { field += sign; state = "plain"; }
  }
  if (state === "quoted" && !isLenient) fail(first, UNCLOSED);
  endRecord();
  return records;
}

function separatorOf(text) {
  const lines = text.split("\n", HEAD_LINES + 2);
  if (lines.length > 2 && lines[lines.length - 1]) lines.pop();
  const rows = lines.slice(0, HEAD_LINES).filter(row => row.trim()).map(row => row.replace(/\r$/, ""));
  for (const sign of SEPARATORS) {
    try {
      const widths = new Set(recordsOf(rows.join("\n"), sign, {isSpaced: true, isLenient: true}).map(([, fields]) => fields.length));
      if (widths.size === 1 && !widths.has(1)) return sign;
    } catch { /* other rows have other widths */ }
  }
  return SEPARATORS.find(sign => (rows[0] || "").includes(sign)) || ",";
}

// {header, rows, separator, mark, lineEnd} of a file, and {encoding, readings} as of textOfBytes. Throws, saying what is wrong and where.
function readCsv(bytes, name, asked = "") {
  let {text, encoding = "", readings = null} = textOfBytes(bytes, asked);
  const mark = encoding || text.startsWith("\ufeff") || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) ? "\ufeff" : "";
  text = text.replace(/^\ufeff/, "");
  const isTsv = /\.tsv$/i.test(name), marked = isTsv ? null : /^sep=(.)\r?\n/i.exec(text);
  const separator = isTsv ? "\t" : marked ? marked[1] : separatorOf(text);
  if (marked) text = text.slice(marked[0].length);
  const ends = (text.match(/\n/g) || []).length, lineEnd = ends && (text.match(/\r\n/g) || []).length === ends ? "\r\n" : "\n";
  const doubled = text.replace(/(?<!\\)((?:\\\\)*)\\"/g, '$1""');
  const ways = [[text, {}], [doubled, {}], [text, {isSpaced: true}], [doubled, {isSpaced: true}]];
  if (separator === "\t") ways.push([text, {hasQuotes: false}]);
  let problem = null, records = null;
  for (const [written, how] of ways) {
    try { records = recordsOf(written, separator, how); break; }
    catch (error) { problem ||= error; }
  }
  if (!records) throw marked ? new Error(problem.message + " (The line with sep= is not counted.)") : problem;
  if (!records.length) throw new Error("The file is empty: expected a first line with the names of the columns, then one row a document.");
  const [[, header], ...rest] = records;
  const again = rest.find(([, fields]) => fields.length > 1 && fields.every((field, i) => (i ? field : field.replace(/^\ufeff/, "")) === header[i]));
  if (again) throw new Error(`Line ${again[0]}: the names of the columns stand here again, as where files were put together. Take it out.`);
  return {header, rows: rest.map(([, fields]) => fields), separator, mark, lineEnd, encoding, readings};
}

// The column that holds the texts: that of training, else one with a usual name, else the only one; -1 where it is not clear.
function textColumn(header, wanted) {
  const names = header.map(name => name.trim().toLowerCase());
  const usual = ["text", "texts", "sentence", "review", "content", "body", "message", "comment", "document", "tweet", "title", "description", "question", "utterance"];
  for (const name of [...wanted, "text"]) if (names.filter(each => each === name.toLowerCase()).length === 1) return names.indexOf(name.toLowerCase());
  const found = names.map((name, i) => usual.includes(name) ? i : -1).filter(i => i >= 0);
  return header.length === 1 ? 0 : found.length === 1 ? found[0] : -1;
}

// Of an answer to a text that is unlike those of the training.
function doubt(share, isUnknown) {
  return `. Do not trust this: ${isUnknown ? "no word of the text is known" : `${Math.floor(100 * share)} % of its words are known, fewer than of nearly all texts of the training`}.`;
}

// Several labels of a row are one cell, with | between them: a label that has it could not be told from two.
function checkLabels(labels) {
  const unclear = labels.map(String).find(label => label.includes("|"));
  if (unclear !== undefined) throw new Error(`The label ${unclear} has | in it, which stands between the labels of a row in a csv: two labels would read the same. Ask "bywords predict" for .jsonl, or call the label otherwise.`);
}

// A name that none of the answers has.
function keptName(name, names, answers) {
  if (!answers.includes(name)) return name;
  do name = `given_${name}`; while (names.includes(name) || answers.includes(name));
  return name;
}

const csvCell = (value, separator) => value.includes(separator) || /["\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
