/* UTF-8 texts: the indices of their tokens in a table of distinct words, in one pass over the bytes.
 *
 * words.py says what a table is and what a token is. */

#include "kernels.h"

enum { SPACE, WORD, SIGN, UNSPACED, MARK }; /* the kinds of code points, as in words.py */
enum { WORDS, SIGNS, LONGER };              /* what a token is, as there */
enum { APOSTROPHE = 0x27, CURLY_APOSTROPHE = 0x2019 };

typedef struct {
    uint64_t hash;
    uint64_t entry; /* length << 32 | index + 1, 0 where the slot is free */
} Slot;

typedef struct {
    uint8_t *data;
    int64_t *starts;
    uint64_t *hashes;
    Slot *slots;
    uint64_t n_slots; /* a power of two */
    int64_t n_words;
} Table;

/* 64 bits to 64 bits, one to one. Source: the last step of Appleby's MurmurHash3. */
INLINE uint64_t mixed(uint64_t h)
{
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD;
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53;
    return h ^ h >> 33;
}

/* At most eight bytes as a number, the first the lowest; loads may overlap. Processors are little-endian. */
INLINE uint64_t packed(const uint8_t *bytes, int64_t n)
{
    uint64_t whole;
    uint32_t low, high;
    if (n == 8)
        return memcpy(&whole, bytes, 8), whole;
    if (n >= 4) {
        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + n - 4, 4);
        return low | (uint64_t)high << 8 * (n - 4);
    }
    if (n == 0)
        return 0;
    return bytes[0] | (uint64_t)bytes[n / 2] << 8 * (n / 2) | (uint64_t)bytes[n - 1] << 8 * (n - 1);
}

/* Eight bytes at a time. Words of at most eight bytes have the same hash only if they are the same. */
INLINE uint64_t hash_of(const uint8_t *word, int64_t length)
{
    uint64_t h = 0;
    for (; length > 8; word += 8, length -= 8)
        h = mixed(h ^ packed(word, 8));
    return mixed(h ^ packed(word, length));
}

/* The slot that has the word, or the free one where it belongs. */
INLINE Slot *slot_of(const uint8_t *word, int64_t length, uint64_t h, const uint8_t *data, const int64_t *starts,
                     Slot *slots, uint64_t n_slots)
{
    uint64_t slot = h & (n_slots - 1);
    for (; slots[slot].entry; slot = (slot + 1) & (n_slots - 1)) {
        const uint64_t entry = slots[slot].entry;
        if (slots[slot].hash != h || entry >> 32 != (uint64_t)length)
            continue;
        if (length <= 8 || memcmp(word, data + starts[(entry & 0xFFFFFFFF) - 1], length) == 0)
            break;
    }
    return slots + slot;
}

/* The index of the word of a slot; -1 where it is free. */
INLINE int64_t index_of(const Slot *slot) { return (int64_t)(slot->entry & 0xFFFFFFFF) - 1; }

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

typedef struct {
    const uint8_t *text; /* valid UTF-8 */
    const uint8_t *kinds;
    int64_t n_kinds;
    uint8_t letters[128]; /* the new byte for each that is a letter by itself, else 0 */
    int64_t what;
    int32_t *codes;
    int64_t n_tokens;
    Table table;
} Scan;

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

/* text, ends, kinds, lowercase, what; codes, data, starts, hashes, lengths. Returns the number of tokens; that of the
 * distinct words is then in lengths[N]. */
int64_t scan(Call *call)
{
    const int64_t n_bytes = LENGTH(0), *ends = ARRAY(1), n_documents = LENGTH(1);
    const bool lowercase = INTEGER(3);
    int64_t *lengths = ARRAY(9);
    REQUIRE(ends_fit(call, 1, n_bytes) && LENGTH(2) >= 128 && LENGTH(9) == n_documents + 1);
    REQUIRE(LENGTH(5) > 2 * n_bytes && LENGTH(6) >= 3 * n_bytes && LENGTH(7) > 2 * n_bytes + 1 && LENGTH(8) > 2 * n_bytes);
    Scan scan = {.text = ARRAY(0), .kinds = ARRAY(2), .n_kinds = LENGTH(2), .what = INTEGER(4), .codes = ARRAY(5)};
    for (int byte = 0; byte < 128; byte++) {
        REQUIRE(scan.kinds[byte] <= SIGN); /* no mark is a single byte */
        if (scan.kinds[byte] == WORD)
            scan.letters[byte] = lowercase && 'A' <= byte && byte <= 'Z' ? byte + 0x20 : byte;
    }
    uint64_t n_slots = 64;
    while (n_slots < (uint64_t)n_bytes / 32 && n_slots < 65536)
        n_slots *= 2;
    scan.table = (Table){ARRAY(6), ARRAY(7), ARRAY(8), calloc(n_slots, sizeof(Slot)), n_slots, 0};
    if (scan.table.slots == NULL)
        return OUT_OF_MEMORY;
    scan.table.starts[0] = 0;
    int64_t index = 0;
    for (int64_t document = 0; document < n_documents && index >= 0; document++) {
        const int64_t n_before = scan.n_tokens;
        index = add_tokens(&scan, index, ends[document]);
        lengths[document] = scan.n_tokens - n_before;
    }
    lengths[n_documents] = scan.table.n_words;
    free(scan.table.slots);
    return index < 0 ? OUT_OF_MEMORY : scan.n_tokens;
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

/* The starts of the characters of a padded word, and its end. Returns their number. */
static int64_t find_characters(const uint8_t *padded, int64_t length, int64_t *starts)
{
    int64_t n = 0;
    for (int64_t index = 0; index < length; index++) {
        if ((padded[index] & 0xC0) != 0x80) /* the first byte of a character */
            starts[n++] = index;
    }
    starts[n] = length;
    return n;
}

/* Add a character n-gram. Whether there is memory for it; `room` is that of the table's data. */
INLINE bool add_ngram(Table *table, const uint8_t *ngram, int64_t length, int64_t *room, int32_t *code)
{
    const int64_t top = table->starts[table->n_words];
    if (top + length > *room) {
        uint8_t *larger = realloc(table->data, 2 * (top + length));
        if (larger == NULL)
            return false;
        *room = 2 * (top + length);
        table->data = larger;
    }
    memcpy(table->data + top, ngram, length);
    *code = (int32_t)intern(table, length, hash_of(ngram, length));
    return keep_room(table);
}

/* data, starts, shortest, longest; codes, offsets, the table's starts and hashes. Result: the table's data. Returns the
 * number of the distinct ones. */
int64_t cut(Call *call)
{
    const uint8_t *data = ARRAY(0);
    const int64_t *starts = ARRAY(1), n_words = LENGTH(1) - 1, shortest = INTEGER(2), longest = INTEGER(3);
    int32_t *codes = ARRAY(4);
    int64_t *offsets = ARRAY(5), most = 0, room = 1 << 16, n_ngrams = 0;
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && 1 <= shortest && shortest <= longest && LENGTH(5) == LENGTH(1));
    REQUIRE(LENGTH(4) / (longest - shortest + 1) >= starts[n_words] - starts[0] + 2 * n_words);
    REQUIRE(LENGTH(6) > LENGTH(4) && LENGTH(7) >= LENGTH(4));
    for (int64_t word = 0; word < n_words; word++)
        most = starts[word + 1] - starts[word] > most ? starts[word + 1] - starts[word] : most;
    uint8_t *padded = malloc(most + 2);
    int64_t *characters = malloc((most + 4) * sizeof(int64_t));
    Table table = {malloc(room), ARRAY(6), ARRAY(7), calloc(1 << 10, sizeof(Slot)), 1 << 10, 0};
    bool is_enough = padded && characters && table.data && table.slots;
    table.starts[0] = offsets[0] = 0;
    for (int64_t word = 0; word < n_words && is_enough; word++) {
        const int64_t length = starts[word + 1] - starts[word];
        padded[0] = padded[length + 1] = ' ';
        memcpy(padded + 1, data + starts[word], length);
        const int64_t n = find_characters(padded, length + 2, characters);
        for (int64_t size = shortest; size <= longest; size++) {
            const int64_t n_firsts = size == shortest && n < size ? 1 : n - size + 1;
            for (int64_t first = 0; first < n_firsts && is_enough; first++) {
                const int64_t start = characters[first], end = characters[first + size < n ? first + size : n];
                is_enough = add_ngram(&table, padded + start, end - start, &room, &codes[n_ngrams++]);
            }
        }
        offsets[word + 1] = n_ngrams;
    }
    free(padded);
    free(characters);
    free(table.slots);
    call->results[0] = (Result){table.data, is_enough ? table.starts[table.n_words] : 0};
    return is_enough ? table.n_words : OUT_OF_MEMORY;
}
