/* Documents of word ids: counts of n-grams, ids of n-grams, and the ids and counts that a model sees. */

#include "kernels.h"

#define NOT_THERE (-1)
#define FREE UINT64_MAX
#define GOLDEN 0x9E3779B97F4A7C15 /* 2^64 divided by the golden ratio: Knuth's multiplicative hash */

/* ids, offsets, edge; edged, their offsets. */
int64_t with_edges(Call *call)
{
    const int32_t *ids = ARRAY(0), edge = (int32_t)INTEGER(2);
    const int64_t *offsets = ARRAY(1), n_documents = LENGTH(1) - 1;
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && LENGTH(4) == LENGTH(1) && LENGTH(3) >= LENGTH(0) + 2 * n_documents);
    int32_t *edged = ARRAY(3);
    int64_t *edged_offsets = ARRAY(4);
    for (int64_t document = 0; document <= n_documents; document++)
        edged_offsets[document] = offsets[document] + 2 * document;
    for (int64_t document = 0; document < n_documents; document++) {
        const int64_t start = offsets[document], length = offsets[document + 1] - start;
        int32_t *first = edged + edged_offsets[document];
        memcpy(first + 1, ids + start, length * sizeof(int32_t));
        /* an empty document has no start and no end */
        first[0] = first[length + 1] = length ? edge : NOT_THERE;
    }
    return 0;
}

INLINE uint64_t key_of(int32_t left, int32_t right) { return (uint64_t)left << 32 | (uint64_t)right; }

INLINE int64_t slot_of(const uint64_t *keys, uint64_t n_keys, uint64_t key)
{
    const uint64_t h = key * GOLDEN;
    uint64_t slot = (h ^ h >> 32) & (n_keys - 1);
    while (keys[slot] != key && keys[slot] != FREE)
        slot = (slot + 1) & (n_keys - 1);
    return (int64_t)slot;
}

typedef struct {
    uint64_t *keys;
    int32_t *counts;
    uint64_t n_slots; /* a power of two */
    int64_t n_pairs;
} Counter;

static bool new_counter(Counter *counter, uint64_t n_slots)
{
    *counter = (Counter){malloc(n_slots * sizeof(uint64_t)), malloc(n_slots * sizeof(int32_t)), n_slots, 0};
    if (counter->keys)
        memset(counter->keys, 0xFF, n_slots * sizeof(uint64_t));
    return counter->keys && counter->counts;
}

static void free_counter(Counter *counter)
{
    free(counter->keys);
    free(counter->counts);
}

static bool enlarge(Counter *counter)
{
    Counter larger;
    const bool is_enough = new_counter(&larger, 4 * counter->n_slots);
    for (uint64_t old = 0; is_enough && old < counter->n_slots; old++) {
        if (counter->keys[old] == FREE)
            continue;
        const int64_t slot = slot_of(larger.keys, larger.n_slots, counter->keys[old]);
        larger.keys[slot] = counter->keys[old];
        larger.counts[slot] = counter->counts[old];
    }
    larger.n_pairs = counter->n_pairs;
    free_counter(is_enough ? counter : &larger);
    if (is_enough)
        *counter = larger;
    return is_enough;
}

/* Put the pairs that were counted often enough into the results. */
static int64_t frequent_pairs(Call *call, const Counter *counter, int64_t min_count, int64_t n_kept)
{
    int32_t *pairs = malloc((2 * n_kept + 1) * sizeof(int32_t));
    int64_t *counts = malloc((n_kept + 1) * sizeof(int64_t)), n = 0;
    call->results[0] = (Result){pairs, 2 * n_kept * (int64_t)sizeof(int32_t)};
    call->results[1] = (Result){counts, n_kept * (int64_t)sizeof(int64_t)};
    if (pairs == NULL || counts == NULL)
        return OUT_OF_MEMORY;
    for (uint64_t slot = 0; slot < counter->n_slots; slot++) {
        if (counter->keys[slot] == FREE || counter->counts[slot] < min_count)
            continue;
        pairs[2 * n] = (int32_t)(counter->keys[slot] >> 32);
        pairs[2 * n + 1] = (int32_t)counter->keys[slot];
        counts[n++] = counter->counts[slot];
    }
    return n_kept;
}

/* lefts, rights, offsets, gap, min_count. Results: pairs, counts. */
int64_t count_pairs(Call *call)
{
    const int32_t *lefts = ARRAY(0), *rights = ARRAY(1);
    const int64_t *offsets = ARRAY(2), n_documents = LENGTH(2) - 1, gap = INTEGER(3), min_count = INTEGER(4);
    REQUIRE(LENGTH(0) == LENGTH(1) && offsets_fit(call, 2, LENGTH(0)) && gap >= 0 && min_count >= 1);
    Counter counter;
    bool is_enough = new_counter(&counter, 1 << 12);
    int64_t n_kept = 0;
    for (int64_t document = 0; document < n_documents && is_enough; document++) {
        for (int64_t index = offsets[document]; index < offsets[document + 1] - gap && is_enough; index++) {
            const int32_t left = lefts[index], right = rights[index + gap];
            if (left == NOT_THERE || right == NOT_THERE)
                continue;
            const uint64_t key = key_of(left, right);
            const int64_t slot = slot_of(counter.keys, counter.n_slots, key);
            if (counter.keys[slot] == FREE) {
                counter.keys[slot] = key;
                counter.counts[slot] = 0;
                counter.n_pairs++;
            }
            n_kept += ++counter.counts[slot] == min_count;
            if (2 * (uint64_t)counter.n_pairs > counter.n_slots)
                is_enough = enlarge(&counter);
        }
    }
    const int64_t n = is_enough ? frequent_pairs(call, &counter, min_count, n_kept) : OUT_OF_MEMORY;
    free_counter(&counter);
    return n;
}

/* pairs, their ids; keys, FREE before, and ids of a table, twice as many as pairs and a power of two. */
int64_t table_of_pairs(Call *call)
{
    const int32_t *pairs = ARRAY(0), *pair_ids = ARRAY(1);
    uint64_t *keys = ARRAY(2);
    int32_t *ids = ARRAY(3);
    REQUIRE((WIDTH(0) == 2 || !LENGTH(0)) && LENGTH(1) == LENGTH(0));
    REQUIRE(LENGTH(3) == LENGTH(2) && is_power_of_two(LENGTH(2)) && LENGTH(2) > LENGTH(0));
    for (int64_t pair = 0; pair < LENGTH(0); pair++) {
        const uint64_t key = key_of(pairs[2 * pair], pairs[2 * pair + 1]);
        const int64_t slot = slot_of(keys, LENGTH(2), key);
        keys[slot] = key;
        ids[slot] = pair_ids[pair];
    }
    return 0;
}

/* lefts, rights, offsets, gap, the table's keys and ids; found, NOT_THERE before. Trusted: a key is FREE. */
int64_t find_pairs(Call *call)
{
    const int32_t *lefts = ARRAY(0), *rights = ARRAY(1), *ids = ARRAY(5);
    const int64_t *offsets = ARRAY(2), n_documents = LENGTH(2) - 1, gap = INTEGER(3);
    const uint64_t *keys = ARRAY(4), n_keys = LENGTH(4);
    int32_t *found = ARRAY(6);
    REQUIRE(LENGTH(0) == LENGTH(1) && LENGTH(6) == LENGTH(0) && offsets_fit(call, 2, LENGTH(0)) && gap >= 0);
    REQUIRE(is_power_of_two(LENGTH(4)) && LENGTH(5) == LENGTH(4));
    for (int64_t document = 0; document < n_documents; document++) {
        for (int64_t index = offsets[document]; index < offsets[document + 1] - gap; index++) {
            if (lefts[index] != NOT_THERE && rights[index + gap] != NOT_THERE)
                found[index] = ids[slot_of(keys, n_keys, key_of(lefts[index], rights[index + gap]))];
        }
    }
    return 0;
}

typedef struct {
    const int32_t *ngrams; /* (n, T) */
    int64_t n_lengths, n_tokens;
    bool has_edges;
    int32_t *encoded;
    int64_t n_ids;
} Encoding;

/* The ids that are there of those from `start` on. */
INLINE int64_t add_ids(Encoding *encoding, const int32_t *ids, int64_t n, bool keep_unknown, int32_t unknown)
{
    int64_t n_known = 0;
    for (int64_t index = 0; index < n; index++) {
        if (ids[index] != NOT_THERE || keep_unknown)
            encoding->encoded[encoding->n_ids++] = ids[index] != NOT_THERE ? ids[index] : unknown;
        n_known += ids[index] != NOT_THERE;
    }
    return n_known;
}

/* The ids of the n-grams of more than one word that start within a document and end within what is read of it. */
INLINE void add_ngrams(Encoding *encoding, int64_t index, int64_t length, bool is_cut)
{
    int64_t first = index, end = index + length;
    if (encoding->has_edges && length) {
        first--;
        end += !is_cut;
    }
    for (int64_t more = 1; more < encoding->n_lengths; more++) {
        if (end - more > first)
            add_ids(encoding, encoding->ngrams + more * encoding->n_tokens + first, end - more - first, false, 0);
    }
}

/* ngrams, has_edges, offsets, codes, char_ngrams, their offsets, unknown, max_length, keep_unknown; encoded, offsets,
 * in_vocabulary_share. Returns the number of ids. */
int64_t encode(Call *call)
{
    Encoding encoding = {ARRAY(0), LENGTH(0), WIDTH(0), INTEGER(1), ARRAY(9), 0};
    const int64_t *offsets = ARRAY(2), n_documents = LENGTH(2) - 1, *char_offsets = ARRAY(5), max_length = INTEGER(7);
    const int32_t *codes = ARRAY(3), *char_ngrams = ARRAY(4), unknown = (int32_t)INTEGER(6);
    const bool has_char_ngrams = LENGTH(4) > 0, keep_unknown = INTEGER(8);
    int64_t *new_offsets = ARRAY(10);
    float *in_vocabulary_share = ARRAY(11);
    REQUIRE(offsets_fit(call, 2, WIDTH(0)) && LENGTH(10) == LENGTH(2) && LENGTH(11) == n_documents);
    REQUIRE(LENGTH(0) >= 1 && WIDTH(0) >= offsets[n_documents] + (encoding.has_edges ? 2 * n_documents : 0));
    REQUIRE(!has_char_ngrams || (offsets_fit(call, 5, LENGTH(4)) && ids_fit(call, 3, LENGTH(5) - 1)));
    REQUIRE(max_length >= 0 && (!has_char_ngrams || LENGTH(3) >= offsets[n_documents]));
    new_offsets[0] = 0;
    for (int64_t document = 0; document < n_documents; document++) {
        const int64_t start = offsets[document], whole = offsets[document + 1] - start, first = encoding.n_ids;
        const int64_t length = whole < max_length ? whole : max_length;
        const int64_t index = start + (encoding.has_edges ? 2 * document + 1 : 0);
        REQUIRE(encoding.n_ids + LENGTH(0) * (length + (encoding.has_edges ? 2 : 0)) < LENGTH(9));
        const int64_t n_known = add_ids(&encoding, encoding.ngrams + index, length, keep_unknown, unknown);
        add_ngrams(&encoding, index, length, length < whole);
        int64_t n_char_ngrams = 0;
        for (int64_t position = start; has_char_ngrams && position < start + length; position++) {
            const int64_t first_entry = char_offsets[codes[position]];
            const int64_t n_entries = char_offsets[codes[position] + 1] - first_entry;
            REQUIRE(encoding.n_ids + n_entries <= LENGTH(9));
            memcpy(encoding.encoded + encoding.n_ids, char_ngrams + first_entry, n_entries * sizeof(int32_t));
            encoding.n_ids += n_entries;
            n_char_ngrams += n_entries;
        }
        if (n_known + n_char_ngrams == 0) {
            encoding.encoded[first] = unknown;
            encoding.n_ids = first + 1;
        }
        new_offsets[document + 1] = encoding.n_ids;
        in_vocabulary_share[document] = (float)((double)n_known / (double)(length > 1 ? length : 1));
    }
    return encoding.n_ids;
}

/* ids, offsets, n_rows, unknown; distinct, offsets, counts. Returns the number of ids. */
int64_t count(Call *call)
{
    const int32_t *ids = ARRAY(0), unknown = (int32_t)INTEGER(3);
    const int64_t *offsets = ARRAY(1), n_documents = LENGTH(1) - 1, n_rows = INTEGER(2);
    int32_t *distinct = ARRAY(4);
    int64_t *new_offsets = ARRAY(5), longest = 1, n = 0;
    float *counts = ARRAY(6);
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && LENGTH(5) == LENGTH(1));
    REQUIRE(LENGTH(4) >= LENGTH(0) + n_documents && LENGTH(6) >= LENGTH(0) + n_documents);
    for (int64_t document = 0; document < n_documents; document++)
        longest = offsets[document + 1] - offsets[document] > longest ? offsets[document + 1] - offsets[document] : longest;
    uint64_t size = 16;
    while (size < 2 * (uint64_t)longest)
        size *= 2;
    /* A small table of the ids of one document, with linear probing: `owner` is the document + 1 that an entry is of. */
    int64_t *owner = calloc(2 * size, sizeof(int64_t)), *index_of = owner + size;
    if (owner == NULL)
        return OUT_OF_MEMORY;
    new_offsets[0] = 0;
    for (int64_t document = 0; document < n_documents; document++) {
        const int64_t first = n;
        for (int64_t position = offsets[document]; position < offsets[document + 1]; position++) {
            const int32_t number = ids[position];
            if (number >= n_rows)
                continue;
            uint64_t slot = ((uint64_t)number * GOLDEN >> 32) & (size - 1);
            while (owner[slot] == document + 1 && distinct[index_of[slot]] != number)
                slot = (slot + 1) & (size - 1);
            if (owner[slot] == document + 1) {
                counts[index_of[slot]] += 1;
                continue;
            }
            owner[slot] = document + 1;
            index_of[slot] = n;
            distinct[n] = number;
            counts[n++] = 1;
        }
        if (n == first) {
            distinct[n] = unknown;
            counts[n++] = 1;
        }
        new_offsets[document + 1] = n;
    }
    free(owner);
    return n;
}
