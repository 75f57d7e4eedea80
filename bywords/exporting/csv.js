// Bytes of a csv → rows, as Python's package reads them; rows → a csv.
"use strict";
const SIGNATURES = {  // the first bytes of files that are none of text
  "an Excel workbook or another zip": [0x50, 0x4b, 3, 4], "an old Excel workbook": [0xd0, 0xcf, 0x11, 0xe0],
  "a Parquet file": [0x50, 0x41, 0x52, 0x31], "a PDF": [0x25, 0x50, 0x44, 0x46], "compressed by gzip": [0x1f, 0x8b],
};
const SEPARATORS = [",", ";", "\t", "|"], HEAD_LINES = 30;

function textOfBytes(bytes) {
  const starts = (...mark) => mark.every((byte, i) => bytes[i] === byte);
  const other = Object.keys(SIGNATURES).find(name => starts(...SIGNATURES[name]));
  if (other) throw new Error(`The file is ${other}, not a csv: save its table as “CSV UTF-8” in the program that it is from, and drop that.`);
  const decode = encoding => new TextDecoder(encoding, {fatal: true}).decode(bytes);
  const isLittle = (starts(0xff, 0xfe) && !starts(0xff, 0xfe, 0, 0)) || (bytes.length >= 4 && !bytes[1] && !bytes[3] && bytes[0] && bytes[2]);
  const isBig = starts(0xfe, 0xff) || (bytes.length >= 4 && !bytes[0] && !bytes[2] && bytes[1] && bytes[3]);
  try { return decode(isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8"); }
  catch { throw new Error("The file is not in UTF-8: save it as “CSV UTF-8”, or as UTF-8, and drop it again."); }
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

// {header, rows, separator, mark, lineEnd} of a file. Throws, saying what is wrong and where.
function readCsv(bytes, name) {
  let text = textOfBytes(bytes);
  const mark = text.startsWith("\ufeff") || (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) ? "\ufeff" : "";
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
  return {header, rows: rest.map(([, fields]) => fields), separator, mark, lineEnd};
}

// The column that holds the texts: that of training, else one with a usual name, else the only one; -1 where it is not clear.
function textColumn(header, wanted) {
  const names = header.map(name => name.trim().toLowerCase());
  const usual = ["text", "texts", "sentence", "review", "content", "body", "message", "comment", "document", "tweet", "title", "description", "question", "utterance"];
  for (const name of [...wanted, "text"]) if (names.filter(each => each === name.toLowerCase()).length === 1) return names.indexOf(name.toLowerCase());
  const found = names.map((name, i) => usual.includes(name) ? i : -1).filter(i => i >= 0);
  return header.length === 1 ? 0 : found.length === 1 ? found[0] : -1;
}

// A name that none of the answers has.
function keptName(name, names, answers) {
  if (!answers.includes(name)) return name;
  do name = `given_${name}`; while (names.includes(name) || answers.includes(name));
  return name;
}

const csvCell = (value, separator) => value.includes(separator) || /["\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
