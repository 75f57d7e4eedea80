/* Documents of word ids: counts of n-grams, and ids of n-grams. */

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
        const int64_t slot = slot_of_pair(larger.keys, larger.n_slots, counter->keys[old]);
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
            const int64_t slot = slot_of_pair(counter.keys, counter.n_slots, key);
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
