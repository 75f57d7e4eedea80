/* Documents of word ids: counts of n-grams, ids of n-grams, and a number by which equal documents are found. */

#include "tables.h"

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

enum { N_PILES = 256 }; /* of pairs: the table that counts one pile stays in the processor's cache */

/* A number whose upper 32 bits are the share that a pair belongs to, and the next 8 its pile. */
INLINE uint64_t place_of_pair(uint64_t key, uint64_t n_shares) { return (key * GOLDEN >> 32) * n_shares; }

INLINE uint64_t pile_of(uint64_t place) { return place >> 24 & (N_PILES - 1); }

/* Put the keys of one share of the pairs on piles, or only count them, where `keys` is NULL. `tops` are where the piles
 * end. */
static void pile_up(const Call *call, uint64_t share, uint64_t n_shares, uint64_t *keys, int64_t *tops)
{
    const int32_t *lefts = ARRAY(0), *rights = ARRAY(1);
    const int64_t *offsets = ARRAY(2), gap = INTEGER(3);
    for (int64_t document = 0; document < LENGTH(2) - 1; document++) {
        for (int64_t index = offsets[document]; index < offsets[document + 1] - gap; index++) {
            const int32_t left = lefts[index], right = rights[index + gap];
            const uint64_t key = key_of(left, right), place = place_of_pair(key, n_shares);
            if (place >> 32 != share || left == NOT_THERE || right == NOT_THERE)
                continue;
            if (keys)
                keys[tops[pile_of(place)]] = key;
            tops[pile_of(place)]++;
        }
    }
}

typedef struct {
    uint64_t *keys;
    int64_t *counts;
} Counter;

/* Count the n keys of a pile in a table of so many slots, all FREE before, which are twice as many at least. Those that
 * are there often enough take the place of the first keys, with their counts. Returns their number. */
static int64_t count_pile(Counter counter, uint64_t n_slots, uint64_t *keys, int64_t n, int64_t min_count, int64_t *counts)
{
    int64_t n_kept = 0;
    for (int64_t index = 0; index < n; index++) {
        const int64_t slot = slot_of_pair(counter.keys, n_slots, keys[index]);
        counter.counts[slot] = counter.keys[slot] == FREE ? 1 : counter.counts[slot] + 1;
        counter.keys[slot] = keys[index];
    }
    for (uint64_t slot = 0; slot < n_slots; slot++) {
        if (counter.keys[slot] == FREE || counter.counts[slot] < min_count)
            continue;
        keys[n_kept] = counter.keys[slot];
        counts[n_kept++] = counter.counts[slot];
    }
    return n_kept;
}

/* lefts, rights, offsets, gap, min_count, share, n_shares. Results: the pairs, a key each, and their counts. */
int64_t count_pairs(Call *call)
{
    const int64_t min_count = INTEGER(4), share = INTEGER(5), n_shares = INTEGER(6);
    int64_t tops[N_PILES] = {0}, starts[N_PILES + 1] = {0}, largest = 8, n_kept = 0;
    REQUIRE(LENGTH(0) == LENGTH(1) && offsets_fit(call, 2, LENGTH(0)) && INTEGER(3) >= 0 && min_count >= 1);
    REQUIRE(0 <= share && share < n_shares && n_shares <= UINT32_MAX);
    pile_up(call, share, n_shares, NULL, tops);
    for (int pile = 0; pile < N_PILES; pile++) {
        largest = tops[pile] > largest ? tops[pile] : largest;
        starts[pile + 1] = starts[pile] + tops[pile];
        tops[pile] = starts[pile];
    }
    uint64_t most = 16;
    while (most < 2 * (uint64_t)largest)
        most *= 2;
    uint64_t *keys = malloc((starts[N_PILES] + 1) * sizeof(uint64_t));
    int64_t *counts = malloc((starts[N_PILES] / min_count + 1) * sizeof(int64_t));
    Counter counter = {malloc(most * sizeof(uint64_t)), malloc(most * sizeof(int64_t))};
    const bool is_enough = keys && counts && counter.keys && counter.counts;
    if (is_enough)
        pile_up(call, share, n_shares, keys, tops);
    for (int pile = 0; pile < N_PILES && is_enough; pile++) {
        const int64_t n = starts[pile + 1] - starts[pile];
        uint64_t n_slots = 16;
        while (n_slots < 2 * (uint64_t)n)
            n_slots *= 2;
        memset(counter.keys, 0xFF, n_slots * sizeof(uint64_t));
        const int64_t n_more = count_pile(counter, n_slots, keys + starts[pile], n, min_count, counts + n_kept);
        memmove(keys + n_kept, keys + starts[pile], n_more * sizeof(uint64_t));
        n_kept += n_more;
    }
    free(counter.keys);
    free(counter.counts);
    call->results[0] = (Result){keys, n_kept * (int64_t)sizeof(uint64_t)};
    call->results[1] = (Result){counts, n_kept * (int64_t)sizeof(int64_t)};
    return is_enough ? n_kept : OUT_OF_MEMORY;
}

/* codes, offsets, the hashes of the distinct words, which of them are signs; keys. */
int64_t keys_of_documents(Call *call)
{
    const int32_t *codes = ARRAY(0);
    const int64_t *offsets = ARRAY(1);
    const uint64_t *hashes = ARRAY(2);
    const uint8_t *is_sign = ARRAY(3);
    uint64_t *keys = ARRAY(4);
    REQUIRE(ids_fit(call, 0, LENGTH(2)) && offsets_fit(call, 1, LENGTH(0)) && LENGTH(3) == LENGTH(2));
    REQUIRE(LENGTH(4) == LENGTH(1) - 1);
    for (int64_t document = 0; document < LENGTH(4); document++) {
        uint64_t of_words = 0, of_all = 0;
        for (int64_t token = offsets[document]; token < offsets[document + 1]; token++)
            of_words = is_sign[codes[token]] ? of_words : mixed((of_words + GOLDEN) ^ hashes[codes[token]]);
        for (int64_t token = offsets[document]; token < offsets[document + 1] && !of_words; token++)
            of_all = mixed((of_all + GOLDEN) ^ hashes[codes[token]]);
        keys[document] = of_words + of_all;
    }
    return 0;
}

/* keys and their counts; others and theirs; those of both, as many as it returns. That keys ascend is trusted: of others
 * some come out twice. */
int64_t add_counts(Call *call)
{
    const uint64_t *lefts = ARRAY(0), *rights = ARRAY(2);
    const int64_t *left_counts = ARRAY(1), *right_counts = ARRAY(3), n_left = LENGTH(0), n_right = LENGTH(2);
    REQUIRE(LENGTH(1) == n_left && LENGTH(3) == n_right && LENGTH(4) >= n_left + n_right && LENGTH(5) == LENGTH(4));
    uint64_t *keys = ARRAY(4);
    int64_t *counts = ARRAY(5), left = 0, right = 0, n = 0;
    while (left < n_left && right < n_right) {
        const bool is_left = lefts[left] <= rights[right], is_right = rights[right] <= lefts[left];
        keys[n] = is_left ? lefts[left] : rights[right];
        const uint64_t of_left = is_left ? (uint64_t)left_counts[left] : 0;
        counts[n++] = (int64_t)(of_left + (is_right ? (uint64_t)right_counts[right] : 0)); /* wraps, as in numpy */
        left += is_left;
        right += is_right;
    }
    for (; left < n_left; left++, n++) {
        keys[n] = lefts[left];
        counts[n] = left_counts[left];
    }
    for (; right < n_right; right++, n++) {
        keys[n] = rights[right];
        counts[n] = right_counts[right];
    }
    return n;
}

/* pairs, their ids; keys, FREE before, and ids of a table, more than pairs and a power of two. */
int64_t table_of_pairs(Call *call)
{
    const int32_t *pairs = ARRAY(0), *pair_ids = ARRAY(1);
    uint64_t *keys = ARRAY(2);
    int32_t *ids = ARRAY(3);
    REQUIRE((WIDTH(0) == 2 || !LENGTH(0)) && LENGTH(1) == LENGTH(0));
    REQUIRE(LENGTH(3) == LENGTH(2) && is_power_of_two(LENGTH(2)) && LENGTH(2) > LENGTH(0));
    for (int64_t pair = 0; pair < LENGTH(0); pair++) {
        const uint64_t key = key_of(pairs[2 * pair], pairs[2 * pair + 1]);
        const int64_t slot = slot_of_pair(keys, LENGTH(2), key);
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
                found[index] = ids[slot_of_pair(keys, n_keys, key_of(lefts[index], rights[index + gap]))];
        }
    }
    return 0;
}
