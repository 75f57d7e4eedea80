/* UTF-8 texts: the indices of their tokens in a table of distinct words, in one pass over the bytes.
 *
 * words.py says what a table is and what a token is. */

#include "tables.h"

enum { SPACE, WORD, SIGN, UNSPACED, MARK }; /* the kinds of code points, as in words.py */
enum { WORDS, SIGNS, LONGER };              /* what a token is, as there */
enum { APOSTROPHE = 0x27, CURLY_APOSTROPHE = 0x2019 };

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
    if (2 * (uint64_t)table->n_words <= table->n_slots)
        return true;
    Slot *larger = calloc(4 * table->n_slots, sizeof(Slot));
    if (larger == NULL)
        return false;
    put_into(table->slots, table->n_slots, larger, 4 * table->n_slots);
    free(table->slots);
    table->slots = larger;
    table->n_slots *= 4;
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

/* Where the character that starts at `index` ends, with the combining marks after it. */
static int64_t end_of_character(const Scan *scan, int64_t index, int64_t end)
{
    int64_t width;
    kind_at(scan, index, end, &width);
    index += width;
    while (index < end && kind_at(scan, index, end, &width) == MARK)
        index += width;
    return index;
}

/* Whether a character is part of a word. */
INLINE bool is_of_word(const Scan *scan, int kind)
{
    return kind == WORD || kind == MARK || (kind == UNSPACED && scan->what == LONGER);
}

/* How many bytes of a word are at `index`: a letter or mark, or an apostrophe before one; 0 if there is none. */
static int64_t joining(const Scan *scan, int64_t index, int64_t end)
{
    int64_t width, next_width;
    const int64_t code_point = decoded(scan->text + index, scan->text + end, &width);
    const bool may_join = (code_point == APOSTROPHE || code_point == CURLY_APOSTROPHE) && scan->what != LONGER;
    int kind = kind_of(scan, code_point);
    if (may_join && kind != WORD && index + width < end)
        kind = kind_at(scan, index + width, end, &next_width);
    return is_of_word(scan, kind) ? width : 0;
}

/* Add the token of `length` bytes that is behind the words of the table; whether there is memory for it. */
INLINE bool add_token(Scan *scan, int64_t length)
{
    const uint8_t *word = scan->table.data + scan->table.starts[scan->table.n_words];
    scan->codes[scan->n_tokens++] = (int32_t)intern(&scan->table, length, hash_of(word, length));
    return keep_room(&scan->table);
}

static bool add_slice(Scan *scan, int64_t start, int64_t stop)
{
    memcpy(scan->table.data + scan->table.starts[scan->table.n_words], scan->text + start, stop - start);
    return add_token(scan, stop - start);
}

/* Add the tokens of the UNSPACED characters from `index` on: each one, then each two neighbours. Returns their end. */
static int64_t add_unspaced(Scan *scan, int64_t index, int64_t end)
{
    const int64_t first = index;
    int64_t last = index, width;
    while (index < end && kind_at(scan, index, end, &width) == UNSPACED) {
        last = index;
        index = end_of_character(scan, index, end);
    }
    for (int in_pairs = 0; in_pairs < 2; in_pairs++) {
        for (int64_t start = first; start < last || (start == last && !in_pairs);) {
            const int64_t next = end_of_character(scan, start, end);
            if (!add_slice(scan, start, in_pairs ? end_of_character(scan, next, end) : next))
                return OUT_OF_MEMORY;
            start = next;
        }
    }
    return index;
}

/* Add the word that starts at `index`, if it is long enough. Returns its end. */
INLINE int64_t add_word(Scan *scan, int64_t index, int64_t end)
{
    int64_t n_characters = 0;
    const uint8_t *text = scan->text;
    uint8_t *word = scan->table.data + scan->table.starts[scan->table.n_words], *stop = word;
    while (index < end) {
        const uint8_t byte = text[index];
        if (byte < 0x80 && scan->letters[byte]) {
            *stop++ = scan->letters[byte];
            index++;
            n_characters++;
            continue;
        }
        if (byte < 0x80 && byte != APOSTROPHE)
            break;
        int64_t width = joining(scan, index, end);
        if (width == 0)
            break;
        while (width--)
            *stop++ = text[index++];
        n_characters++;
    }
    if (scan->what == LONGER && n_characters < 2)
        return index;
    return add_token(scan, stop - word) ? index : OUT_OF_MEMORY;
}

static int64_t add_tokens(Scan *scan, int64_t index, int64_t end)
{
    while (index >= 0 && index < end) {
        int64_t width = 1;
        const uint8_t byte = scan->text[index];
        const int kind = byte < 0x80 ? scan->letters[byte] ? WORD : scan->kinds[byte] : kind_at(scan, index, end, &width);
        if (is_of_word(scan, kind))
            index = add_word(scan, index, end);
        else if (kind == UNSPACED)
            index = add_unspaced(scan, index, end);
        else if (kind == SIGN && scan->what == SIGNS)
            index = add_slice(scan, index, index + width) ? index + width : OUT_OF_MEMORY;
        else
            index += width;
    }
    return index;
}

/* Whether text, ends and kinds, the first arguments of a call, fit together. */
bool scan_fits(const Call *call)
{
    const uint8_t *kinds = ARRAY(2);
    bool is_right = ends_fit(call, 1, LENGTH(0)) && LENGTH(2) >= 128;
    for (int byte = 0; byte < 128 && is_right; byte++)
        is_right = kinds[byte] <= SIGN; /* no mark is a single byte */
    return is_right;
}

/* Scan the documents of a text, one behind the other. Returns whether there is memory for it; the caller frees the slots
 * of the table. */
bool scan_documents(Scan *scan, const int64_t *ends, int64_t n_documents, bool lowercase, int64_t *lengths)
{
    const int64_t n_bytes = n_documents ? ends[n_documents - 1] : 0;
    for (int byte = 0; byte < 128; byte++) {
        if (scan->kinds[byte] == WORD)
            scan->letters[byte] = lowercase && 'A' <= byte && byte <= 'Z' ? byte + 0x20 : byte;
    }
    uint64_t n_slots = 64;
    while (n_slots < (uint64_t)n_bytes / 32 && n_slots < 65536)
        n_slots *= 2;
    scan->table.slots = calloc(n_slots, sizeof(Slot));
    scan->table.n_slots = n_slots;
    scan->table.starts[0] = 0;
    int64_t index = scan->table.slots ? 0 : OUT_OF_MEMORY;
    for (int64_t document = 0; document < n_documents && index >= 0; document++) {
        const int64_t n_before = scan->n_tokens;
        index = add_tokens(scan, index, ends[document]);
        lengths[document] = scan->n_tokens - n_before;
    }
    return index >= 0;
}

/* text, ends, kinds, lowercase, what; codes, data, starts, hashes, lengths. Returns the number of tokens; that of the
 * distinct words is then in lengths[N]. */
int64_t scan(Call *call)
{
    const int64_t n_bytes = LENGTH(0), most = MOST_TOKENS(n_bytes);
    int64_t *lengths = ARRAY(9);
    REQUIRE(scan_fits(call) && LENGTH(9) == LENGTH(1) + 1);
    REQUIRE(LENGTH(5) >= most && LENGTH(6) >= MOST_BYTES(n_bytes) && LENGTH(7) > most && LENGTH(8) >= most);
    Scan scan = {.text = ARRAY(0), .kinds = ARRAY(2), .n_kinds = LENGTH(2), .what = INTEGER(4), .codes = ARRAY(5)};
    scan.table = (Table){.data = ARRAY(6), .starts = ARRAY(7), .hashes = ARRAY(8)};
    const bool is_enough = scan_documents(&scan, ARRAY(1), LENGTH(1), INTEGER(3), lengths);
    lengths[LENGTH(1)] = scan.table.n_words;
    free(scan.table.slots);
    return is_enough ? scan.n_tokens : OUT_OF_MEMORY;
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
    Table table = {ARRAY(3), ARRAY(4), ARRAY(5), ARRAY(6), LENGTH(6), INTEGER(7)};
    int32_t *indices = ARRAY(8);
    const int64_t n_new = LENGTH(2), n_most = INTEGER(7) + n_new;
    REQUIRE(LENGTH(1) == n_new + 1 && offsets_fit(call, 1, LENGTH(0)) && LENGTH(8) == n_new && INTEGER(7) >= 0);
    REQUIRE(LENGTH(5) >= n_most && LENGTH(4) > n_most && is_power_of_two(LENGTH(6)) && WIDTH(6) == 2 && LENGTH(6) > n_most);
    REQUIRE(table.starts[table.n_words] >= 0 && starts[n_new] - starts[0] <= LENGTH(3) - table.starts[table.n_words]);
    for (int64_t word = 0; word < LENGTH(2); word++) {
        const int64_t length = starts[word + 1] - starts[word];
        memcpy(table.data + table.starts[table.n_words], data + starts[word], length);
        indices[word] = (int32_t)intern(&table, length, hashes[word]);
    }
    return table.n_words;
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
    cut.table = (Table){malloc(room), ARRAY(6), ARRAY(7), calloc(1 << 10, sizeof(Slot)), 1 << 10, 0};
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
