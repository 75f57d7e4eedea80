// The tokens of a text → ids, logits, probabilities, labels, and what each token adds: in float32 and in the order of
// the kernels of bywords, so that labels are the same to the last tie.
"use strict";
const UNKNOWN = 1, NOT_THERE = -1, FLT_MIN = 1.1754943508222875e-38, f = Math.fround;

// What `bywords.exporting.payload` has packed: JSON values, and arrays that they name by their number.
async function unpacked(base64) {
  const raw = atob(base64), packed = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) packed[i] = raw.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const n = new DataView(bytes.buffer).getUint32(0, true);
  const values = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + n)));
  let at = 4 + n;
  values.arrays = values.arrays.map(({kind, length}) => {
    const Kind = {uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array}[kind] || Uint16Array;
    const size = Kind.BYTES_PER_ELEMENT, whole = new Uint8Array(size * length);
    for (let plane = 0; plane < size; plane++)
      for (let i = 0, from = at + plane * length; i < length; i++) whole[i * size + plane] = bytes[from + i];
    at += size * length;
    const found = new Kind(whole.buffer);
    return kind === "float16" ? Float32Array.from(found, halfOf) : found;
  });
  return values;
}
function halfOf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

// A table of numbers that may be stored in 8 bits with scales, or as its second column alone.
function numbersOf(arrays, {data, columns, scale, is_mirrored}) {
  let found = arrays[data];
  if (scale !== null) {
    const scales = arrays[scale], width = is_mirrored ? 1 : columns, ofRows = scales.length !== width;
    found = Float32Array.from(found, (value, i) => f(value * scales[ofRows ? Math.floor(i / width) : i % width]));
  }
  if (!is_mirrored) return found;
  const both = new Float32Array(2 * found.length);
  for (let i = 0; i < found.length; i++) { both[2 * i] = -found[i]; both[2 * i + 1] = found[i]; }
  return both;
}

function vocabularyOf({arrays, vocabulary: of}) {
  const spelt = (text, lengths, first) => {
    const all = new TextDecoder("utf-8", {ignoreBOM: true}).decode(arrays[text]), found = new Map();
    let start = 0, id = first;
    for (const length of arrays[lengths]) { found.set(all.slice(start, start + length), id++); start += length; }
    return found;
  };
  const words = spelt(of.words, of.lengths, 2), charNgrams = spelt(of.char_ngrams, of.char_lengths, of.first_char_ngram);
  const pairs = arrays[of.ngrams], n = pairs.length / 2;
  let size = 16;
  while (size < 2 * n) size *= 2;
  const slots = new Int32Array(size).fill(-1);
  const slotOf = (left, right) => (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b) ^ (left >>> 3)) & (size - 1);
  const lefts = pairs.subarray(0, n), rights = pairs.subarray(n);
  for (let i = 0; i < n; i++) {
    let slot = slotOf(lefts[i], rights[i]);
    while (slots[slot] >= 0) slot = (slot + 1) & (size - 1);
    slots[slot] = i;
  }
  const firstNgram = words.size + 2;
  function pairOf(left, right) {
    let slot = slotOf(left, right);
    for (let i; (i = slots[slot]) >= 0; slot = (slot + 1) & (size - 1)) if (lefts[i] === left && rights[i] === right) return firstNgram + i;
    return NOT_THERE;
  }
  const isApart = word => word.length > 1 && word[0] === SEPARATOR;
  const known = new Map(), [shortest, longest] = of.char_sizes;
  function lookedUp(word) {
    let found = known.get(word);
    if (found) return found;
    const ids = [];
    if (longest && !isApart(word)) {
      const signs = [" ", ...word, " "], starts = [0];
      for (const sign of signs) starts.push(starts[starts.length - 1] + sign.length);
      const spaced = ` ${word} `, n = signs.length;
      for (let width = shortest; width <= longest; width++) {
        const count = Math.max(n - width + 1, width === shortest ? 1 : 0);
        for (let first = 0; first < count; first++) {
          const id = charNgrams.get(spaced.slice(starts[first], starts[Math.min(first + width, n)]));
          if (id !== undefined) ids.push(id);
        }
      }
    }
    found = {id: words.get(word) ?? NOT_THERE, charNgrams: ids, isApart: isApart(word)};
    if (known.size > 200000) known.clear();
    known.set(word, found);
    return found;
  }

  // The ids of a text in the order of the kernels; of each, with `isTraced`, its first and last token.
  return function encoded(tokens, isTraced = false) {
    const n = Math.min(tokens.length, of.max_length), read = [], ids = [], first = [], last = [];
    for (let i = 0; i < n; i++) read.push(lookedUp(tokens[i]));
    let nKnown = 0, nChars = 0;
    const add = (id, from, to) => { ids.push(id); if (isTraced) { first.push(from); last.push(to); } };
    read.forEach(({id}, i) => {
      if (id !== NOT_THERE) nKnown++;
      if (id !== NOT_THERE || of.keep_unknown) add(id === NOT_THERE ? UNKNOWN : id, i, i);
    });
    if (n && of.ngrams_of > 1) {
      const right = [0];
      for (const word of read) right.push(word.isApart ? NOT_THERE : word.id);
      if (n === tokens.length) right.push(0);
      let left = right;
      for (let gap = 1; gap < of.ngrams_of; gap++) {
        const found = new Array(right.length).fill(NOT_THERE);
        for (let i = 0; i + gap < right.length; i++) {
          if (left[i] === NOT_THERE || right[i + gap] === NOT_THERE) continue;
          found[i] = pairOf(left[i], right[i + gap]);
          if (found[i] !== NOT_THERE) add(found[i], Math.max(i - 1, 0), Math.min(i - 1 + gap, n - 1));
        }
        left = found;
      }
    }
    read.forEach((word, i) => { for (const id of word.charNgrams) { nChars++; add(id, i, i); } });
    const isNothing = nKnown + nChars === 0;
    if (isNothing) { ids.splice(0, ids.length, UNKNOWN); first.splice(0, first.length, -1); last.splice(0, last.length, -1); }
    const isUnknown = ids.length === 1 && ids[0] === UNKNOWN;
    return {ids, first, last, share: f(nKnown / Math.max(n, 1)), isUnknown, nRead: n, isKnown: i => i < n && read[i].id !== NOT_THERE};
  };
}

function modelOf(values) {
  const {arrays, classes, pool} = values, K = classes.length;
  const numbers = spec => numbersOf(arrays, spec);
  const tables = values.tables.map(table => ({
    ...table, rows: numbers(table.rows), width: table.rows.columns, idf: numbers(table.idf), bias: numbers(table.bias), layer: table.layer && numbers(table.layer),
  }));
  const encoded = vocabularyOf(values), cut = textReader(charactersOf(values), values.tokenizer);
  const places = new Int32Array(values.n_rows);

  // Each id of a text once, in the order of first occurrence, and how often it is there.
  function counted(ids) {
    const distinct = [], counts = [];
    for (const id of ids) {
      if (places[id]) counts[places[id] - 1]++;
      else { distinct.push(id); counts.push(1); places[id] = distinct.length; }
    }
    for (const id of distinct) places[id] = 0;
    return {distinct, counts};
  }
  function seenBy(nRows, {distinct, counts}) {
    if (nRows === values.n_rows) return {distinct, counts};
    const found = {distinct: [], counts: []};
    distinct.forEach((id, i) => { if (id < nRows) { found.distinct.push(id); found.counts.push(counts[i]); } });
    return found.distinct.length ? found : {distinct: [UNKNOWN], counts: [1]};
  }
  function timesIdf({weighting, idf}, {distinct, counts}) {
    const weights = new Float32Array(distinct.length), isLog = weighting === "log-tfidf";
    for (let i = 0; i < weights.length; i++) {
      const count = isLog && counts[i] > 1 ? f(1 + f(Math.log(counts[i]))) : counts[i];
      weights[i] = count * idf[distinct[i]];
    }
    return weights;
  }
  const squareOf = (weights, start, end) => {  // four sums, as the kernel has them
    const sums = [0, 0, 0, 0];
    for (let i = start; i < end; i++) sums[(i - start) & 3] += weights[i] * weights[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  };
  function runs(starts, ids, visit) {  // of ids that are between the same of some ascending starts
    for (let start = 0, end; start < ids.length; start = end) {
      let block = 0;
      while (block < starts.length && starts[block] <= ids[start]) block++;
      const first = block ? starts[block - 1] : 0, behind = block < starts.length ? starts[block] : Infinity;
      for (end = start; end < ids.length && first <= ids[end] && ids[end] < behind; end++);
      visit(block, start, end);
    }
  }
  function scale(starts, ids, weights) {
    const squares = new Float64Array(starts.length + 1);
    runs(starts, ids, (block, start, end) => { squares[block] += squareOf(weights, start, end); });
    const lengths = squares.map(square => Math.sqrt(square > FLT_MIN ? square : FLT_MIN));
    runs(starts, ids, (block, start, end) => {
      const length = f(lengths[block]);
      for (let i = start; i < end; i++) weights[i] = weights[i] / length;
    });
  }
  function weighed(table, bag) {
    const weights = timesIdf(table, bag);
    if (table.weighting === "count") return weights;
    if (table.weighting === "share") {
      let sum = 0;
      for (const weight of weights) sum += weight;
      sum = f(sum < FLT_MIN ? FLT_MIN : sum);
      return weights.map(weight => weight / sum);
    }
    bag.distinct.forEach((id, i) => { if (id === UNKNOWN) weights[i] = 0; });
    const starts = table.blocks.some(start => 0 < start && start < table.idf.length) ? table.blocks : [];
    if (starts.length) scale(starts, bag.distinct, weights);
    scale([], bag.distinct, weights);
    return weights;
  }
  function addUp(table, ids, weights, start, end, total) {
    const {rows, width} = table;
    for (let i = start; i < end; i++) {
      const weight = weights[i], row = ids[i] * width;
      for (let d = 0; d < width; d++) total[d] = f(total[d] + f(weight * rows[row + d]));
    }
    return total;
  }
  function logitsOf(table, all) {
    const bag = seenBy(table.idf.length, all), weights = weighed(table, bag);
    const sums = addUp(table, bag.distinct, weights, 0, weights.length, new Float32Array(table.width));
    return throughLayer(table, sums).map((sum, k) => table.layer ? sum : sum + table.bias[k]);
  }
  function throughLayer(table, sums) {  // in 64 bits
    if (!table.layer) return sums;
    const logits = new Float32Array(K);
    for (let k = 0; k < K; k++) {
      let sum = 0;
      for (let d = 0; d < sums.length; d++) sum += sums[d] * table.layer[d * K + k];
      logits[k] = sum + table.bias[k];
    }
    return logits;
  }
  const even = x => { const up = Math.round(x); return up - x === 0.5 && up % 2 ? up - 1 : up; };  // halves to even ones
  function unitOf(largest) {  // as `Pool.of` has them
    let unit = 1;
    while (unit <= largest) unit *= 2;
    while (largest && unit / 2 > largest) unit /= 2;
    return unit / 2 ** 30;
  }
  let units = null;  // of segments, of which the sums of a pool are whole numbers
  function unitsOf(members, {idf}) {
    return pool.starts.slice(1).map((behind, segment) => {
      let square = 0;
      const largest = members.map(() => new Float64Array(K));
      for (let id = pool.starts[segment]; id < behind; id++) {
        if (id === UNKNOWN) continue;
        square = Math.max(square, idf[id] * idf[id]);
        members.forEach(({rows, width}, m) => {
          if (pool.groups[m][segment] < 0) return;
          for (let k = 0; k < K; k++) largest[m][k] = Math.max(largest[m][k], Math.abs(idf[id] * rows[id * width + k]));
        });
      }
      return {square: unitOf(square), columns: largest.map(of => of.map(unitOf))};
    });
  }
  function pooled(all) {  // of several tables that share their idf: as `pool_document` of the kernels
    const members = tables.slice(0, pool.groups.length), widest = members.reduce((a, b) => b.idf.length > a.idf.length ? b : a);
    const bag = seenBy(widest.idf.length, all), starts = pool.starts.slice(1), S = pool.starts.length - 1;
    units = units || unitsOf(members, widest);
    const squares = new Float64Array(S), sums = members.map(() => Array.from({length: S}, () => new Float64Array(K)));
    bag.distinct.forEach((id, i) => {  // whole numbers, whose sums are exact
      if (id === UNKNOWN) return;
      let segment = 0;
      while (segment < S - 1 && starts[segment] <= id) segment++;
      const count = bag.counts[i], idf = widest.idf[id], factor = widest.weighting === "log-tfidf" && count > 1 ? f(1 + f(Math.log(count))) : count;
      squares[segment] += even(factor * factor * even(idf * idf / units[segment].square));
      members.forEach((table, m) => {
        if (pool.groups[m][segment] < 0) return;
        const of = units[segment].columns[m], total = sums[m][segment], row = id * table.width;
        for (let k = 0; k < K; k++) total[k] += even(factor * even(idf * table.rows[row + k] / of[k]));
      });
    });
    for (let segment = 0; segment < S; segment++) squares[segment] *= units[segment].square;
    const answer = new Float32Array(K);
    pool.groups.forEach((groups, m) => {
      const nGroups = Math.max(...groups) + 1, lengths = new Float64Array(nGroups);
      let whole = 0;
      groups.forEach((group, segment) => { if (group >= 0) lengths[group] += squares[segment]; });
      for (let group = 0; group < nGroups; group++) {
        const square = lengths[group] < FLT_MIN ? FLT_MIN : lengths[group];
        whole += lengths[group] / square;
        lengths[group] = Math.sqrt(square);
      }
      whole = nGroups < 2 ? 1 : Math.sqrt(whole < FLT_MIN ? FLT_MIN : whole);
      groups.forEach((group, segment) => {
        if (group < 0) return;
        const factor = 1 / (lengths[group] * whole), of = units[segment].columns[m];
        for (let k = 0; k < K; k++) answer[k] = answer[k] + f(factor * (sums[m][segment][k] * of[k]));
      });
    });
    const bias = members.slice(1).reduce((sum, table) => sum.map((b, k) => b + table.bias[k]), members[0].bias);
    return answer.map((sum, k) => sum + bias[k]);
  }
  function logits(ids) {
    const bag = counted(ids), rest = pool ? tables.slice(pool.groups.length) : tables.slice(1);
    return rest.reduce((sum, table) => { const own = logitsOf(table, bag); return sum.map((a, k) => a + own[k]); }, pool ? pooled(bag) : logitsOf(tables[0], bag));
  }

  const calibration = values.calibration;
  const sigmoid = z => { const small = Math.exp(-Math.abs(z)); return (z < 0 ? small : 1) / (1 + small); };
  const softmax = z => { const highest = Math.max(...z), odds = z.map(each => Math.exp(each - highest)), sum = odds.reduce((a, b) => a + b, 0); return odds.map(each => each / sum); };
  const firstHighest = all => all.reduce((best, value, i) => value > all[best] ? i : best, 0);
  function probabilities(logits) {
    if (values.is_multilabel) return Array.from(logits, (z, k) => sigmoid(z * calibration.scales[k] + calibration.offsets[k]));
    const scaled = Array.from(logits, z => z / calibration.temperature), plain = softmax(scaled);
    if (!calibration.curve || K < 2) return plain;
    const [a, b, c] = calibration.curve, label = firstHighest(plain);
    const rest = plain.reduce((sum, p, k) => k === label ? sum : sum + p, 0);
    const shares = softmax(scaled.map((z, k) => k === label ? -Infinity : z)), most = Math.max(...shares);
    const given = Math.max(sigmoid(a * Math.log(Math.max(plain[label], 1e-6)) - b * Math.log(Math.max(rest, 1e-6)) + c), most / (1 + most) * (1 + 1e-12));
    return shares.map((share, k) => k === label ? given : share * (1 - given));
  }
  function answer(text) {
    const {words} = cut(text), document = encoded(words);
    return answerOf(document);
  }
  function answerOf(document) {
    const z = logits(document.ids), p = probabilities(z);
    const given = values.is_multilabel
      ? Array.from(z.keys()).filter(k => calibration.least[k] !== null && z[k] >= calibration.least[k])
      : [firstHighest(z)];
    return {
      labels: given.map(k => classes[k]), given, probabilities: p, logits: z, inVocabularyShare: document.share, isUnknown: document.isUnknown,
      isUnlike: document.isUnknown || document.share < f(values.floor),
    };
  }

  // What each token of a text adds to each logit, on the scale of the probabilities; an n-gram's is shared by its words.
  function explained(text, isTraced = true) {
    const {words, spans} = cut(text, isTraced), document = encoded(words, true), all = counted(document.ids);
    const added = words.map(() => new Float64Array(K));
    for (const table of tables) {
      const bag = seenBy(table.idf.length, all), weights = weighed(table, bag), each = new Map();
      bag.distinct.forEach((id, i) => each.set(id, weights[i] / bag.counts[i]));
      const rows = new Map();
      document.ids.forEach((id, i) => {
        if (!each.has(id) || document.first[i] < 0) return;
        if (!rows.has(id)) rows.set(id, rowOf(table, id));
        const row = rows.get(id), share = each.get(id) / (document.last[i] - document.first[i] + 1);
        for (let token = document.first[i]; token <= document.last[i]; token++) for (let k = 0; k < K; k++) added[token][k] += share * row[k];
      });
    }
    for (const row of added) {
      const mean = values.is_multilabel ? 0 : row.reduce((a, b) => a + b, 0) / K;
      for (let k = 0; k < K; k++) row[k] = values.is_multilabel ? row[k] * calibration.scales[k] : (row[k] - mean) / calibration.temperature;
    }
    return {...answerOf(document), words, spans, added, isKnown: words.map((_, i) => document.isKnown(i))};
  }
  function rowOf(table, id) {
    const row = table.rows.subarray(id * table.width, (id + 1) * table.width);
    if (!table.layer) return row;
    const found = new Float64Array(K);
    for (let d = 0; d < table.width; d++) for (let k = 0; k < K; k++) found[k] += row[d] * table.layer[d * K + k];
    return found;
  }
  return {classes, isMultilabel: values.is_multilabel, tokens: cut, answer, explained, firstHighest};
}

// What is known of characters: bytes by code point, and texts by character.
function charactersOf({arrays, unicode}) {
  const found = {};
  for (const [name, numbers] of Object.entries(unicode.runs)) {
    const [lengths, bytes] = numbers.map(number => arrays[number]);
    let n = 0;
    for (const length of lengths) n += length;
    found[name] = new Uint8Array(n);
    for (let i = 0, at = 0; i < lengths.length; at += lengths[i++]) if (bytes[i]) found[name].fill(bytes[i], at, at + lengths[i]);
  }
  for (const [name, numbers] of Object.entries(unicode.mappings)) {
    const [steps, lengths, points] = numbers.map(number => arrays[number]);
    found[name] = {};
    for (let i = 0, at = 0, point = 0; i < steps.length; at += lengths[i++]) {
      point += steps[i];
      found[name][String.fromCodePoint(point)] = String.fromCodePoint(...points.subarray(at, at + lengths[i]));
    }
  }
  const {parts} = found, isApart = new Set(unicode.apart), whole = sign => sign in parts ? Array.from(parts[sign], whole).join("") : sign;
  found.decomposed = {};
  found.pairs = {};
  for (const sign in parts) {
    found.decomposed[sign] = whole(sign);
    if (Array.from(parts[sign]).length === 2 && !isApart.has(sign)) found.pairs[parts[sign]] = sign;
  }
  return found;
}
