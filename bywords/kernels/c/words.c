/* UTF-8 texts: the indices of their tokens in a table of distinct words, in one pass over the bytes.
 *
 * words.py says what a table is and what a token is. */

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "tables.h"

enum { SPACE, WORD, SIGN, UNSPACED, MARK }; /* the kinds of code points, as in words.py */
enum { WORDS, SIGNS, LONGER };              /* what a token is, as there */
enum { APOSTROPHE = 0x27, CURLY_APOSTROPHE = 0x2019 };
enum { LETTER = 1, ALONE = 2, JOINING = 4, WIDE = 8 }; /* classes of bytes */
enum { PADDING = 64 };                                 /* bytes behind a text */

static void put_into(const Slot *slots, uint64_t n_slots, Slot *larger, uint64_t n_larger)
{
    for (uint64_t old = 0; old < n_slots; old++) {
        if (!slots[old].entry)
            continue;
        uint64_t slot = slots[old].hash & (n_larger - 1);
        while (larger[slot].entry)
            slot = (slot + 1) & (n_larger - 1);
        larger[slot] = slots[old];
    }
}

/* The index of the word of `length` bytes that has been put behind the words of the table; it is new, and then in the
 * table, where that was the number of words. */
INLINE int64_t intern(Table *table, int64_t length, uint64_t h)
{
    const int64_t start = table->starts[table->n_words];
    Slot *slot = slot_of(table->data + start, length, h, table->data, table->starts, table->slots, table->n_slots);
    if (slot->entry)
        return index_of(slot);
    *slot = (Slot){h, (uint64_t)length << 32 | (uint64_t)(table->n_words + 1)};
    table->hashes[table->n_words] = h;
    table->starts[++table->n_words] = start + length;
    return table->n_words - 1;
}

/* Whether there is memory for slots of which at most half are taken. */
INLINE bool keep_room(Table *table)
{
    if (2 * (uint64_t)(table->n_words - table->n_apart) <= table->n_slots)
        return true;
    Slot *larger = calloc(2 * table->n_slots, sizeof(Slot));
    if (larger == NULL)
        return false;
    put_into(table->slots, table->n_slots, larger, 2 * table->n_slots);
    free(table->slots);
    table->slots = larger;
    table->n_slots *= 2;
    return true;
}

INLINE int kind_of(const Scan *scan, int64_t code_point)
{
    return code_point < scan->n_kinds ? scan->kinds[code_point] : SIGN;
}

INLINE int kind_at(const Scan *scan, int64_t index, int64_t end, int64_t *width)
{
    return kind_of(scan, decoded(scan->text + index, scan->text + end, width));
}

/* Whether a character is part of a word. */
INLINE bool is_of_word(const Scan *scan, int kind)
{
    return kind == WORD || kind == MARK || (kind == UNSPACED && scan->what == LONGER);
}

/* Whether a part of a word is at `index`. */
INLINE bool is_word_at(const Scan *scan, int64_t index, int64_t end)
{
    int64_t width;
    return index < end && is_of_word(scan, kind_at(scan, index, end, &width));
}

/* Whether the last token that was found goes on. */
INLINE bool is_open(const Scan *scan) { return scan->n_starts > scan->n_stops; }

INLINE void start_token(Scan *scan, int64_t index) { scan->starts[scan->n_starts++] = index; }

INLINE void stop_token(Scan *scan, int64_t index) { scan->stops[scan->n_stops++] = index; }

/* Eight bytes that the padding lets be read, the first `n` of them, as `packed` has them. */
INLINE uint64_t first_bytes(const uint8_t *bytes, int64_t n)
{
    uint64_t whole;
    memcpy(&whole, bytes, 8);
    return n < 8 ? whole & ((UINT64_C(1) << 8 * n) - 1) : whole;
}

/* `hash_of` a word behind which eight bytes may be read. */
INLINE uint64_t hash_of_padded(const uint8_t *word, int64_t length)
{
    uint64_t h = mixed(first_bytes(word, length));
    for (; length > 8;) {
        word += 8;
        length -= 8;
        h = mixed(h ^ first_bytes(word, length));
    }
    return h;
}

/* Whether two words of more than eight bytes are the same. */
INLINE bool is_same_padded(const uint8_t *left, const uint8_t *right, int64_t length)
{
    return first_bytes(left, 8) == first_bytes(right, 8) && memcmp(left + 8, right + 8, length - 8) == 0;
}

/* Leave out the tokens of one character. */
static void drop_short(Scan *scan)
{
    int64_t n = 0;
    for (int64_t token = 0; token < scan->n_stops; token++) {
        int64_t n_characters = 0;
        for (int64_t index = scan->starts[token]; index < scan->stops[token] && n_characters < 2; index++)
            n_characters += (scan->text[index] & 0xC0) != 0x80;
        scan->starts[n] = scan->starts[token];
        scan->stops[n] = scan->stops[token];
        n += n_characters > 1;
    }
    scan->starts[n] = scan->starts[scan->n_stops];
    scan->n_starts -= scan->n_stops - n;
    scan->n_stops = n;
}

void free_table(Table *table)
{
    free(table->data);
    free(table->starts);
    free(table->hashes);
    free(table->slots);
}

/* Whether there is memory for a word more, of so many bytes. */
static bool enlarge_table(Table *table, int64_t length)
{
    const int64_t n_bytes = (table->n_words ? table->starts[table->n_words] : 0) + length;
    const int64_t words_room = 2 * table->n_words + 256, bytes_room = 2 * n_bytes + 2048;
    int64_t *starts = realloc(table->starts, (words_room + 1) * sizeof(int64_t));
    table->starts = starts ? starts : table->starts;
    uint64_t *hashes = realloc(table->hashes, words_room * sizeof(uint64_t));
    table->hashes = hashes ? hashes : table->hashes;
    uint8_t *data = realloc(table->data, bytes_room);
    table->data = data ? data : table->data;
    if (!starts || !hashes || !data)
        return false;
    table->starts[0] = 0;
    table->words_room = words_room;
    table->bytes_room = bytes_room;
    return true;
}

/* Put a new word behind the others, without a slot. Whether there is memory for it. */
INLINE bool append(Table *table, const uint8_t *word, int64_t length, uint64_t h)
{
    if ((table->n_words == table->words_room || table->starts[table->n_words] + length > table->bytes_room) &&
        !enlarge_table(table, length))
        return false;
    const int64_t start = table->starts[table->n_words];
    memcpy(table->data + start, word, length);
    table->hashes[table->n_words] = h;
    table->starts[++table->n_words] = start + length;
    return true;
}

/* Add a new word, whose slot is free. Returns its code; OUT_OF_MEMORY. */
static RARE int64_t add_word(Table *table, const uint8_t *word, int64_t length, uint64_t h, uint64_t slot)
{
    if (!append(table, word, length, h))
        return OUT_OF_MEMORY;
    const int64_t code = table->n_words - 1;
    table->slots[slot] = (Slot){h, (uint64_t)length << 32 | (uint64_t)(code + 1)};
    return keep_room(table) ? code : OUT_OF_MEMORY;
}

/* The code of a token, which is then in the table; OUT_OF_MEMORY. */
INLINE int64_t code_of(Table *table, const uint8_t *word, int64_t length, uint64_t h)
{
    uint64_t slot = h & (table->n_slots - 1), entry;
    for (; (entry = table->slots[slot].entry); slot = (slot + 1) & (table->n_slots - 1)) {
        if (table->slots[slot].hash == h && entry >> 32 == (uint64_t)length &&
            (length <= 8 || is_same_padded(word, table->data + table->starts[(entry & 0xFFFFFFFF) - 1], length)))
            return (int64_t)(entry & 0xFFFFFFFF) - 1;
    }
    return add_word(table, word, length, h, slot);
}

/* Give the tokens that were found their codes. Whether there is memory for it. */
INLINE bool add_found(Scan *scan)
{
    Table *table = &scan->table;
    uint64_t hashes[MOST_FOUND];
    if (scan->what == LONGER)
        drop_short(scan);
    const int64_t n = scan->n_stops;
    for (int64_t token = 0; token < n; token++) {
        const int64_t start = scan->starts[token];
        hashes[token] = hash_of_padded(scan->lowered + start, scan->stops[token] - start);
        __builtin_prefetch(table->slots + (hashes[token] & (table->n_slots - 1)));
    }
    int32_t *codes = scan->codes + scan->n_tokens;
    for (int64_t token = 0; token < n; token++) {
        const int64_t start = scan->starts[token];
        const int64_t code = code_of(table, scan->lowered + start, scan->stops[token] - start, hashes[token]);
        if (code < 0)
            return false;
        codes[token] = (int32_t)code;
    }
    scan->n_tokens += n;
    scan->starts[0] = scan->starts[n]; /* of one that goes on */
    scan->n_starts -= n;
    scan->n_stops = 0;
    return true;
}

INLINE bool keep_free(Scan *scan) { return scan->n_starts + 128 < MOST_FOUND || add_found(scan); }

/* Whether there is memory for as many bounds and points. */
static bool enlarge_bounds(Scan *scan, int64_t n)
{
    int64_t *bounds = realloc(scan->bounds, n * sizeof(int64_t));
    scan->bounds = bounds ? bounds : scan->bounds;
    uint16_t *points = realloc(scan->points, n * sizeof(uint16_t));
    scan->points = points ? points : scan->points;
    scan->n_bounds = n;
    return bounds && points;
}

/* Where the UNSPACED characters from `index` on start, with the combining marks after each, and where the last one ends,
 * in `scan->bounds`, and their code points. Returns their number. `are_plain` becomes false where one of them has a mark,
 * or not three bytes. */
static int64_t find_bounds(Scan *scan, int64_t index, int64_t end, bool *are_plain)
{
    int64_t n = 0, width;
    for (; index < end; index += width) {
        const int64_t point = decoded(scan->text + index, scan->text + end, &width);
        const int kind = kind_of(scan, point);
        if (kind != UNSPACED && kind != MARK)
            break;
        if (n + 1 >= scan->n_bounds && !enlarge_bounds(scan, 2 * scan->n_bounds + 64))
            return OUT_OF_MEMORY;
        *are_plain &= kind == UNSPACED && width == 3;
        if (kind == MARK && n)
            scan->points[n - 1] = 0;
        scan->bounds[n] = index;
        scan->points[n] = width == 3 ? (uint16_t)point : 0;
        n += kind == UNSPACED;
    }
    scan->bounds[n] = index;
    return n;
}

/* The code of an UNSPACED character: those of three bytes have a table of their own; OUT_OF_MEMORY. */
INLINE int64_t code_of_single(Scan *scan, const uint8_t *word, int64_t length, uint16_t point)
{
    if (point && scan->singles[point])
        return scan->singles[point] - 1;
    const int64_t code = code_of(&scan->table, word, length, hash_of_padded(word, length));
    if (point)
        scan->singles[point] = (int32_t)code + 1;
    return code;
}

INLINE uint64_t slot_of_points(uint64_t points, uint64_t n_pairs) { return points * GOLDEN >> 32 & (n_pairs - 1); }

/* Whether there is memory for pairs of which at most half are taken. */
static bool keep_room_for_pairs(Scan *scan)
{
    if (scan->pairs && 2 * (uint64_t)scan->table.n_apart <= scan->n_pairs)
        return true;
    const uint64_t n_larger = scan->pairs ? 2 * scan->n_pairs : 1 << 10;
    uint64_t *larger = calloc(n_larger, sizeof(uint64_t));
    if (larger == NULL)
        return false;
    for (uint64_t old = 0; old < scan->n_pairs; old++) {
        uint64_t slot = slot_of_points(scan->pairs[old] >> 32, n_larger);
        while (larger[slot] && scan->pairs[old])
            slot = (slot + 1) & (n_larger - 1);
        if (scan->pairs[old])
            larger[slot] = scan->pairs[old];
    }
    free(scan->pairs);
    scan->pairs = larger;
    scan->n_pairs = n_larger;
    return true;
}

/* Add two new neighbours of three bytes each, whose slot is free. Returns their code; OUT_OF_MEMORY. */
static RARE int64_t add_pair(Scan *scan, const uint8_t *word, uint64_t points, uint64_t slot)
{
    if (!append(&scan->table, word, 6, mixed(first_bytes(word, 6))))
        return OUT_OF_MEMORY;
    const int64_t code = scan->table.n_words - 1;
    scan->table.n_apart++;
    scan->pairs[slot] = points << 32 | (uint64_t)(code + 1);
    return keep_room_for_pairs(scan) ? code : OUT_OF_MEMORY;
}

/* The code of two neighbours of three bytes each; OUT_OF_MEMORY. */
INLINE int64_t code_of_pair(Scan *scan, const uint8_t *word, uint64_t points)
{
    uint64_t slot = slot_of_points(points, scan->n_pairs), pair;
    for (; (pair = scan->pairs[slot]); slot = (slot + 1) & (scan->n_pairs - 1)) {
        if (pair >> 32 == points)
            return (int64_t)(pair & 0xFFFFFFFF) - 1;
    }
    return add_pair(scan, word, points, slot);
}

/* Give the n UNSPACED characters of `scan->bounds` their codes: each one, then each two neighbours. `are_plain`: all have
 * three bytes and no mark. Whether there is memory for it. */
INLINE bool add_characters(Scan *scan, int64_t n, bool are_plain)
{
    const int64_t *bounds = scan->bounds;
    const uint16_t *points = scan->points;
    int32_t *codes = scan->codes + scan->n_tokens;
    int64_t code = 0;
    scan->n_tokens += 2 * n - 1;
    for (int64_t one = 0; one < n && code >= 0; one++) {
        code = code_of_single(scan, scan->lowered + bounds[one], bounds[one + 1] - bounds[one], points[one]);
        *codes++ = (int32_t)code;
    }
    uint64_t keys[64]; /* code points of two of three bytes, or a hash */
    for (int64_t first = 0; first < n - 1 && code >= 0; first += 64) {
        const int64_t last = first + 64 < n - 1 ? first + 64 : n - 1;
        for (int64_t one = first; one < last; one++) {
            if (are_plain || (points[one] && points[one + 1])) {
                keys[one - first] = (uint64_t)points[one] << 16 | points[one + 1];
                __builtin_prefetch(scan->pairs + slot_of_points(keys[one - first], scan->n_pairs));
            } else {
                keys[one - first] = hash_of_padded(scan->lowered + bounds[one], bounds[one + 2] - bounds[one]);
                __builtin_prefetch(scan->table.slots + (keys[one - first] & (scan->table.n_slots - 1)));
            }
        }
        for (int64_t one = first; one < last && code >= 0; one++) {
            const uint8_t *word = scan->lowered + bounds[one];
            code = are_plain || (points[one] && points[one + 1])
                       ? code_of_pair(scan, word, keys[one - first])
                       : code_of(&scan->table, word, bounds[one + 2] - bounds[one], keys[one - first]);
            *codes++ = (int32_t)code;
        }
    }
    return code >= 0;
}

/* Give the UNSPACED characters from `index` on their codes. Returns their end. */
static int64_t add_unspaced(Scan *scan, int64_t index, int64_t end)
{
    bool are_plain = true;
    const int64_t n = add_found(scan) && keep_room_for_pairs(scan) ? find_bounds(scan, index, end, &are_plain) : OUT_OF_MEMORY;
    const bool is_enough = n >= 0 && (are_plain ? add_characters(scan, n, true) : add_characters(scan, n, false));
    return is_enough ? scan->bounds[n] : OUT_OF_MEMORY;
}

/* Find tokens from `index` on, a character at a time, as long as none of them is ASCII or part of a word. Returns where
 * that is. */
INLINE int64_t find_wide(Scan *scan, int64_t index, int64_t end)
{
    const uint8_t *text = scan->text;
    int64_t width;
    for (; index >= 0 && index < end && text[index] >= 0x80; index += width) {
        const int64_t point = decoded(text + index, text + end, &width);
        const int kind = kind_of(scan, point);
        if (is_of_word(scan, kind) && text[index] >= 0xC0)
            break;
        if (!keep_free(scan))
            return OUT_OF_MEMORY;
        const bool may_join = is_open(scan) && point == CURLY_APOSTROPHE && scan->what != LONGER;
        if (may_join && is_word_at(scan, index + width, end))
            continue;
        if (is_open(scan))
            stop_token(scan, index);
        if (kind == UNSPACED) {
            index = add_unspaced(scan, index, end);
            width = 0;
        } else if (kind == SIGN && scan->what == SIGNS) {
            start_token(scan, index);
            stop_token(scan, index + width);
        }
    }
    return index;
}

/* Which of 64 bytes are what, a bit each. */
typedef struct {
    uint64_t letters, signs, apostrophes, wide;
} Classes;

#ifdef __SSE2__
/* Those that text has by `characters.txt`, 16 bytes at a time. */
INLINE Classes usual_classes(const uint8_t *bytes)
{
    Classes found = {0};
    for (int part = 0; part < 4; part++) {
        const __m128i c = _mm_loadu_si128((const __m128i *)(bytes + 16 * part));
        const __m128i small = _mm_or_si128(c, _mm_set1_epi8(0x20));
#define WITHIN(x, first, last) _mm_and_si128(_mm_cmpgt_epi8(x, _mm_set1_epi8(first - 1)), _mm_cmplt_epi8(x, _mm_set1_epi8(last + 1)))
        const __m128i letter = _mm_or_si128(_mm_or_si128(WITHIN(small, 'a', 'z'), WITHIN(c, '0', '9')), _mm_cmpeq_epi8(c, _mm_set1_epi8('_')));
        const __m128i space = _mm_or_si128(_mm_cmpeq_epi8(c, _mm_set1_epi8(' ')), WITHIN(c, '\t', '\r'));
#undef WITHIN
        const uint64_t letters = _mm_movemask_epi8(letter), wide = _mm_movemask_epi8(c);
        const uint64_t spaces = _mm_movemask_epi8(space);
        found.letters |= letters << 16 * part;
        found.wide |= wide << 16 * part;
        found.signs |= (~(letters | spaces | wide) & 0xFFFF) << 16 * part;
        found.apostrophes |= (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(c, _mm_set1_epi8(APOSTROPHE))) << 16 * part;
    }
    return found;
}
#endif

/* Those of a table. */
INLINE Classes classes_by_table(const uint8_t *bytes, const uint8_t *classes)
{
    Classes found = {0};
    for (int byte = 0; byte < 64; byte++) {
        const uint64_t class = classes[bytes[byte]];
        found.letters |= (class & LETTER) << byte;
        found.signs |= (class >> 1 & 1) << byte;
        found.apostrophes |= (class >> 2 & 1) << byte;
        found.wide |= class >> 3 << byte;
    }
    return found;
}

INLINE Classes classes_of(const Scan *scan, const uint8_t *bytes)
{
#ifdef __SSE2__
    if (scan->is_usual)
        return usual_classes(bytes);
#endif
    return classes_by_table(bytes, scan->classes);
}

/* Put the places of the bits behind the first n. Returns how many there are now. */
INLINE int64_t put_bits(int64_t *places, int64_t n, uint64_t bits, int64_t first)
{
    for (; bits; bits &= bits - 1)
        places[n++] = first + __builtin_ctzll(bits);
    return n;
}

/* Of n bytes, at most 64, those until the first character that is neither ASCII nor part of a word. Those that are part
 * of a word become letters. */
INLINE int64_t n_usual(const Scan *scan, Classes *found, int64_t index, int64_t end, int64_t n)
{
    const uint8_t *bytes = scan->lowered + index;
    uint64_t firsts = 0, others = found->wide;
    for (int byte = 0; byte < 64; byte += 8)
        firsts |= first_of_wide(bytes + byte) << byte;
    for (; firsts; firsts &= firsts - 1) {
        const int64_t first = __builtin_ctzll(firsts);
        int64_t width;
        if (first >= n || !is_of_word(scan, kind_at(scan, index + first, end, &width)) || first + width > n)
            break;
        const uint64_t whole = ((UINT64_C(1) << width) - 1) << first;
        found->letters |= whole;
        others &= ~whole;
    }
    return others && __builtin_ctzll(others) < n ? __builtin_ctzll(others) : n;
}

/* Find the tokens of one document, 64 bytes at a time. Whether there is memory for it. */
INLINE bool find_tokens(Scan *scan, int64_t index, int64_t end)
{
    while (index < end) {
        if (scan->lowered[index] >= 0x80) {
            index = find_wide(scan, index, end);
            if (index < 0)
                return false;
            if (index == end)
                break;
        }
        if (!keep_free(scan))
            return false;
        Classes found = classes_of(scan, scan->lowered + index);
        int64_t n = end - index < 64 ? end - index : 64;
        if (found.wide)
            n = n_usual(scan, &found, index, end, n);
        const uint64_t valid = ~UINT64_C(0) >> (64 - n), last = UINT64_C(1) << (n - 1), before = is_open(scan);
        const uint64_t letters = found.letters & valid, behind = letters << 1 | before;
        uint64_t words = letters | (found.apostrophes & behind & letters >> 1);
        if (found.apostrophes & behind & last && is_word_at(scan, index + n, end))
            words |= last;
        const uint64_t edges = words ^ (words << 1 | before), alone = scan->what == SIGNS ? found.signs & valid & ~words : 0;
        scan->n_starts = put_bits(scan->starts, scan->n_starts, (edges & words) | alone, index);
        scan->n_stops = put_bits(scan->stops, scan->n_stops, ((edges & ~words) | alone << 1) & valid, index);
        index += n;
        if (alone & last)
            stop_token(scan, index);
    }
    if (is_open(scan))
        stop_token(scan, end);
    return scan->what != LONGER || add_found(scan); /* so that what is left out is not counted */
}

/* A copy of a text with small ASCII letters, and what `find_wide` and others may read behind it. */
VECTORIZED static uint8_t *lowered(const uint8_t *text, int64_t n_bytes, bool lowercase)
{
    uint8_t *copy = malloc(n_bytes + PADDING);
    if (copy == NULL)
        return NULL;
    memset(copy + n_bytes, 0, PADDING);
    for (int64_t i = 0; i < n_bytes; i++)
        copy[i] = text[i] + ((uint8_t)(text[i] - 'A') < 26 && lowercase ? 0x20 : 0);
    return copy;
}

/* Whether text, ends and kinds, the first arguments of a call, fit together. */
bool scan_fits(const Call *call)
{
    const uint8_t *kinds = ARRAY(2);
    bool is_right = ends_fit(call, 1, LENGTH(0)) && LENGTH(2) >= 128;
    for (int byte = 0; byte < 128 && is_right; byte++)
        is_right = kinds[byte] <= SIGN; /* no mark is a single byte */
    for (int byte = 'A'; byte <= 'Z' && is_right; byte++)
        is_right = kinds[byte] == WORD && kinds[byte | 0x20] == WORD;
    return is_right;
}

/* What single bytes are, by the kinds of their code points. */
static void set_classes(Scan *scan)
{
    scan->is_usual = scan->what != LONGER;
    for (int byte = 0; byte < 256; byte++) {
        const int kind = byte < 128 ? scan->kinds[byte] : SPACE;
        const bool is_letter = (uint8_t)((byte | 0x20) - 'a') < 26 || (uint8_t)(byte - '0') < 10 || byte == '_';
        const bool is_space = byte == ' ' || ('\t' <= byte && byte <= '\r');
        scan->classes[byte] = byte >= 128 ? WIDE : kind == WORD ? LETTER : kind == SIGN ? ALONE : 0;
        scan->is_usual &= byte >= 128 || kind == (is_letter ? WORD : is_space ? SPACE : SIGN);
        if (byte == APOSTROPHE && kind != WORD && scan->what != LONGER)
            scan->classes[byte] |= JOINING;
    }
}

/* Scan the documents of a text, one behind the other. Returns whether there is memory for it; the caller frees the
 * table. */
VECTORIZED bool scan_documents(Scan *scan, const int64_t *ends, int64_t n_documents, bool lowercase, int64_t *lengths)
{
    const int64_t n_bytes = n_documents ? ends[n_documents - 1] : 0;
    set_classes(scan);
    uint64_t n_slots = 64;
    while (n_slots < (uint64_t)n_bytes / 32 && n_slots < 65536)
        n_slots *= 2;
    scan->table.slots = calloc(n_slots, sizeof(Slot));
    scan->table.n_slots = n_slots;
    scan->lowered = lowered(scan->text, n_bytes, lowercase);
    scan->singles = calloc(1 << 16, sizeof(int32_t));
    bool is_enough = scan->table.slots && scan->lowered && scan->singles && enlarge_table(&scan->table, 0);
    for (int64_t document = 0; document < n_documents && is_enough; document++) {
        const int64_t n_before = scan->n_tokens + scan->n_stops;
        is_enough = find_tokens(scan, document ? ends[document - 1] : 0, ends[document]);
        lengths[document] = scan->n_tokens + scan->n_stops - n_before;
    }
    is_enough = is_enough && add_found(scan);
    free(scan->lowered);
    free(scan->singles);
    free(scan->bounds);
    free(scan->points);
    free(scan->pairs);
    return is_enough;
}

/* text, ends, kinds, lowercase, what; codes, lengths. Results: the table's data, starts and hashes. Returns the number of
 * tokens. */
int64_t scan(Call *call)
{
    REQUIRE(scan_fits(call) && LENGTH(6) == LENGTH(1) && LENGTH(5) >= MOST_TOKENS(LENGTH(0)));
    Scan scan = {.text = ARRAY(0), .kinds = ARRAY(2), .n_kinds = LENGTH(2), .what = INTEGER(4), .codes = ARRAY(5)};
    if (!scan_documents(&scan, ARRAY(1), LENGTH(1), INTEGER(3), ARRAY(6))) {
        free_table(&scan.table);
        return OUT_OF_MEMORY;
    }
    const Table *table = &scan.table;
    call->results[0] = (Result){table->data, table->starts[table->n_words]};
    call->results[1] = (Result){table->starts, (table->n_words + 1) * (int64_t)sizeof(int64_t)};
    call->results[2] = (Result){table->hashes, table->n_words * (int64_t)sizeof(uint64_t)};
    free(table->slots);
    return scan.n_tokens;
}

/* data, starts; hashes. */
int64_t hashes_of(Call *call)
{
    const uint8_t *data = ARRAY(0);
    const int64_t *starts = ARRAY(1);
    uint64_t *hashes = ARRAY(2);
    REQUIRE(LENGTH(1) == LENGTH(2) + 1 && offsets_fit(call, 1, LENGTH(0)));
    for (int64_t word = 0; word < LENGTH(2); word++)
        hashes[word] = hash_of(data + starts[word], starts[word + 1] - starts[word]);
    return 0;
}

/* data, starts, indices; the starts of the words at these indices, one behind the other. Result: their bytes. */
int64_t select_words(Call *call)
{
    const uint8_t *data = ARRAY(0);
    const int64_t *starts = ARRAY(1), *indices = ARRAY(2), n_words = LENGTH(2);
    int64_t *new_starts = ARRAY(3);
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && indices_fit(call, 2, LENGTH(1) - 1) && LENGTH(3) == n_words + 1);
    new_starts[0] = 0;
    for (int64_t word = 0; word < n_words; word++) {
        if (word + WORDS_AHEAD < n_words)
            __builtin_prefetch(starts + indices[word + WORDS_AHEAD]);
        new_starts[word + 1] = new_starts[word] + starts[indices[word] + 1] - starts[indices[word]];
    }
    uint8_t *selected = malloc(new_starts[n_words] + 8);
    for (int64_t word = 0; word < n_words && selected; word++) {
        const int64_t start = starts[indices[word]], length = new_starts[word + 1] - new_starts[word];
        if (word + WORDS_AHEAD < n_words)
            __builtin_prefetch(data + starts[indices[word + WORDS_AHEAD]]);
        if (length <= 8 && start + 8 <= LENGTH(0)) /* a few bytes too many, for which there is room */
            memcpy(selected + new_starts[word], data + start, 8);
        else
            memcpy(selected + new_starts[word], data + start, length);
    }
    call->results[0] = (Result){selected, new_starts[n_words]};
    return selected ? n_words : OUT_OF_MEMORY;
}

/* data, starts, hashes; the table's data, starts and slots; indices. Trusted: the slots are of the table, one is free. */
int64_t find(Call *call)
{
    const uint8_t *data = ARRAY(0), *table_data = ARRAY(3);
    const int64_t *starts = ARRAY(1), *table_starts = ARRAY(4);
    const uint64_t *hashes = ARRAY(2);
    Slot *slots = ARRAY(5);
    int32_t *indices = ARRAY(6);
    REQUIRE(LENGTH(1) == LENGTH(2) + 1 && offsets_fit(call, 1, LENGTH(0)) && LENGTH(6) == LENGTH(2));
    REQUIRE(is_power_of_two(LENGTH(5)) && WIDTH(5) == 2);
    for (int64_t word = 0; word < LENGTH(2); word++) {
        const int64_t length = starts[word + 1] - starts[word];
        if (word + WORDS_AHEAD < LENGTH(2))
            __builtin_prefetch(slots + (hashes[word + WORDS_AHEAD] & (LENGTH(5) - 1)));
        indices[word] = (int32_t)index_of(
            slot_of(data + starts[word], length, hashes[word], table_data, table_starts, slots, LENGTH(5)));
    }
    return 0;
}

/* data, starts, hashes; the table's data, starts, hashes, slots and number of words, with room for them; indices.
 * Returns the number of words that the table has now. Trusted: starts and slots are those of the table. */
int64_t add(Call *call)
{
    const uint8_t *data = ARRAY(0);
    const int64_t *starts = ARRAY(1);
    const uint64_t *hashes = ARRAY(2);
    Table table = {.data = ARRAY(3), .starts = ARRAY(4), .hashes = ARRAY(5), .slots = ARRAY(6), .n_slots = LENGTH(6)};
    table.n_words = INTEGER(7);
    int32_t *indices = ARRAY(8);
    const int64_t n_new = LENGTH(2), n_most = INTEGER(7) + n_new;
    REQUIRE(LENGTH(1) == n_new + 1 && offsets_fit(call, 1, LENGTH(0)) && LENGTH(8) == n_new && INTEGER(7) >= 0);
    REQUIRE(LENGTH(5) >= n_most && LENGTH(4) > n_most && is_power_of_two(LENGTH(6)) && WIDTH(6) == 2 && LENGTH(6) > n_most);
    REQUIRE(table.starts[table.n_words] >= 0 && starts[n_new] - starts[0] <= LENGTH(3) - table.starts[table.n_words]);
    for (int64_t word = 0; word < LENGTH(2); word++) {
        const int64_t length = starts[word + 1] - starts[word];
        if (word + WORDS_AHEAD < LENGTH(2))
            __builtin_prefetch(table.slots + (hashes[word + WORDS_AHEAD] & (table.n_slots - 1)));
        memcpy(table.data + table.starts[table.n_words], data + starts[word], length);
        indices[word] = (int32_t)intern(&table, length, hashes[word]);
    }
    return table.n_words;
}

typedef struct {
    uint64_t key; /* how late it comes by its count; then the first eight bytes, the first of them the highest */
    int64_t index;
} Ranked;

enum { DIGIT_BITS = 11, FEW = 256 }; /* words that are sorted faster by comparing them */

/* Sort by the keys, those with the same key as they were: a digit at a time, from the lowest to the highest; bits that
 * are the same in all are passed over. `room` is for as many. Returns which of the two has them now. */
static Ranked *sorted_by_key(Ranked *ranked, Ranked *room, int64_t n)
{
    uint64_t differing = 0;
    for (int64_t i = 0; i < n; i++)
        differing |= ranked[i].key ^ ranked[0].key;
    while (differing) {
        int64_t places[(1 << DIGIT_BITS) + 1] = {0};
        const uint64_t mask = (1 << DIGIT_BITS) - 1;
        const int shift = __builtin_ctzll(differing);
        differing &= ~(mask << shift);
        for (int64_t i = 0; i < n; i++)
            places[(ranked[i].key >> shift & mask) + 1]++;
        for (int digit = 0; digit < 1 << DIGIT_BITS; digit++)
            places[digit + 1] += places[digit];
        for (int64_t i = 0; i < n; i++)
            room[places[ranked[i].key >> shift & mask]++] = ranked[i];
        Ranked *sorted = room;
        room = ranked;
        ranked = sorted;
    }
    return ranked;
}

/* Whether two words of the same count are in their order. */
INLINE bool are_in_order(const uint8_t *data, const int64_t *starts, Ranked left, Ranked right)
{
    if (left.key != right.key)
        return left.key < right.key;
    const int64_t start = starts[left.index], length = starts[left.index + 1] - start;
    const int64_t other_start = starts[right.index], other = starts[right.index + 1] - other_start;
    const int order = memcmp(data + start, data + other_start, length < other ? length : other);
    return order < 0 || (order == 0 && length <= other);
}

/* Sort words of the same count; `room` is for as many. */
static void sort_few(Ranked *ranked, Ranked *room, int64_t n, const uint8_t *data, const int64_t *starts)
{
    if (n < 2)
        return;
    const int64_t half = n / 2;
    sort_few(ranked, room, half, data, starts);
    sort_few(ranked + half, room, n - half, data, starts);
    memcpy(room, ranked, half * sizeof(Ranked));
    for (int64_t i = 0, left = 0, right = half; left < half; i++) {
        const bool is_left = right == n || are_in_order(data, starts, room[left], ranked[right]);
        ranked[i] = is_left ? room[left++] : ranked[right++];
    }
}

/* Sort words of the same count by their bytes. Returns which of the two has them now. */
static Ranked *sorted_by_bytes(Ranked *ranked, Ranked *room, int64_t n, const uint8_t *data, const int64_t *starts)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t start = starts[ranked[i].index], length = starts[ranked[i].index + 1] - start;
        ranked[i].key = __builtin_bswap64(packed(data + start, length < 8 ? length : 8));
    }
    if (n <= FEW) {
        sort_few(ranked, room, n, data, starts);
        return ranked;
    }
    Ranked *sorted = sorted_by_key(ranked, room, n);
    for (int64_t first = 0, last = 0; first < n; first = last) {
        while (last < n && sorted[last].key == sorted[first].key)
            last++;
        sort_few(sorted + first, sorted == ranked ? room : ranked, last - first, data, starts);
    }
    return sorted;
}

enum { ALL, OFTEN, ONCE }; /* which words are ranked, as in words.py */

/* data, starts, counts, which come first, the least count, which; the indices of those that reach it: those that are to
 * be first, then the more frequent, then by their bytes, which is the order of their code points. Returns their number. */
int64_t rank(Call *call)
{
    const uint8_t *data = ARRAY(0), *is_first = ARRAY(3);
    const int64_t *starts = ARRAY(1), *counts = ARRAY(2), n_words = LENGTH(2);
    const int64_t which = INTEGER(5);
    int64_t *order = ARRAY(6), n = 0;
    REQUIRE(LENGTH(1) == n_words + 1 && offsets_fit(call, 1, LENGTH(0)) && LENGTH(3) == n_words && LENGTH(6) == n_words);
    Ranked *all = malloc((n_words + 1) * sizeof(Ranked)), *room = malloc((n_words + 1) * sizeof(Ranked));
    const bool is_enough = all && room;
    for (int64_t word = 0; word < n_words && is_enough; word++) {
        const bool is_often = is_first[word] || counts[word] > 1;
        if (counts[word] < INTEGER(4) || (which == OFTEN && !is_often) || (which == ONCE && is_often))
            continue;
        const uint64_t lateness = (INT64_MAX - (uint64_t)counts[word]) & INT64_MAX; /* no count is below 0 */
        all[n++] = (Ranked){lateness | (is_first[word] ? 0 : UINT64_C(1) << 63), word};
    }
    Ranked *ranked = is_enough ? sorted_by_key(all, room, n) : NULL, *other = ranked == all ? room : all;
    for (int64_t first = 0, last = 0; first < n; first = last) {
        while (last < n && ranked[last].key == ranked[first].key)
            last++;
        const Ranked *sorted = sorted_by_bytes(ranked + first, other + first, last - first, data, starts);
        for (int64_t place = first; place < last; place++)
            order[place] = sorted[place - first].index;
    }
    free(all);
    free(room);
    return is_enough ? n : OUT_OF_MEMORY;
}

/* codes; how often each of them is there, 0 before. */
int64_t count_codes(Call *call)
{
    const int32_t *codes = ARRAY(0);
    uint64_t *counts = ARRAY(1); /* of what is there already, which may be anything */
    REQUIRE(ids_fit(call, 0, LENGTH(1)));
    for (int64_t token = 0; token < LENGTH(0); token++)
        counts[codes[token]]++;
    return 0;
}

/* codes, new codes; for each code the new one at its index. */
int64_t renumber(Call *call)
{
    const int32_t *codes = ARRAY(0), *new_codes = ARRAY(1);
    int32_t *renumbered = ARRAY(2);
    REQUIRE(ids_fit(call, 0, LENGTH(1)) && LENGTH(2) == LENGTH(0));
    for (int64_t token = 0; token < LENGTH(0); token++)
        renumbered[token] = new_codes[(uint32_t)codes[token]];
    return 0;
}

/* slots; larger slots, 0 before: the same words. */
int64_t rehash(Call *call)
{
    REQUIRE(WIDTH(0) == 2 && WIDTH(1) == 2 && is_power_of_two(LENGTH(1)) && LENGTH(1) > LENGTH(0));
    put_into(ARRAY(0), LENGTH(0), ARRAY(1), LENGTH(1));
    return 0;
}

typedef struct {
    Table table;
    int64_t room; /* of the table's data */
    int32_t *codes;
    int64_t n_ngrams;
} Cut;

/* Add a character n-gram. Whether there is memory for it. */
INLINE bool add_ngram(void *taker, const uint8_t *ngram, int64_t length)
{
    Cut *cut = taker;
    Table *table = &cut->table;
    const int64_t top = table->starts[table->n_words];
    if (top + length > cut->room) {
        uint8_t *larger = realloc(table->data, 2 * (top + length));
        if (larger == NULL)
            return false;
        cut->room = 2 * (top + length);
        table->data = larger;
    }
    memcpy(table->data + top, ngram, length);
    cut->codes[cut->n_ngrams++] = (int32_t)intern(table, length, hash_of(ngram, length));
    return keep_room(table);
}

/* data, starts, shortest, longest; codes, offsets, the table's starts and hashes. Result: the table's data. Returns the
 * number of the distinct ones. */
int64_t cut(Call *call)
{
    const uint8_t *data = ARRAY(0);
    const int64_t *starts = ARRAY(1), n_words = LENGTH(1) - 1, shortest = INTEGER(2), longest = INTEGER(3), room = 1 << 16;
    int64_t *offsets = ARRAY(5);
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && 1 <= shortest && shortest <= longest && LENGTH(5) == LENGTH(1));
    REQUIRE(LENGTH(4) / (longest - shortest + 1) >= starts[n_words] - starts[0] + 2 * n_words);
    REQUIRE(LENGTH(6) > LENGTH(4) && LENGTH(7) >= LENGTH(4));
    Cutter cutter = new_cutter(starts, n_words, shortest, longest);
    Cut cut = {.room = room, .codes = ARRAY(4)};
    cut.table = (Table){malloc(room), ARRAY(6), ARRAY(7), calloc(1 << 10, sizeof(Slot)), .n_slots = 1 << 10};
    bool is_enough = cutter.padded && cutter.characters && cut.table.data && cut.table.slots;
    cut.table.starts[0] = offsets[0] = 0;
    for (int64_t word = 0; word < n_words && is_enough; word++) {
        is_enough = each_ngram(&cutter, data + starts[word], starts[word + 1] - starts[word], add_ngram, &cut);
        offsets[word + 1] = cut.n_ngrams;
    }
    free_cutter(&cutter);
    free(cut.table.slots);
    call->results[0] = (Result){cut.table.data, is_enough ? cut.table.starts[cut.table.n_words] : 0};
    return is_enough ? cut.table.n_words : OUT_OF_MEMORY;
}
