/* Documents as sets of numbers: all pairs that share enough of them. The wrappers in overlap.py say more. */

#include <math.h>

#include "kernels.h"

#define NEVER (-(1 << 30))
#define TINY 1e-9 /* a fraction of integers that exceeds an integer by less equals it */
#define FEW 24    /* numbers that are sorted by insertion */

/* How often each word occurred in its document before; `most` becomes how often it occurs in one at most. */
int64_t occurrences(Call *call)
{
    const int32_t *codes = ARRAY(0);
    const int64_t *offsets = ARRAY(1);
    int64_t *most = ARRAY(2);
    int32_t *occurrence = ARRAY(3);
    const int64_t n_codes = LENGTH(0), n_documents = LENGTH(1) - 1, n_words = LENGTH(2);
    REQUIRE(ids_fit(call, 0, n_words) && offsets_fit(call, 1, n_codes) && LENGTH(3) == n_codes);
    int64_t *count = calloc(2 * n_words + 1, sizeof(int64_t)), *last = count + n_words;
    if (count == NULL)
        return OUT_OF_MEMORY;
    for (int64_t document = 0; document < n_documents; document++) {
        for (int64_t index = offsets[document]; index < offsets[document + 1]; index++) {
            const int32_t code = codes[index];
            if (last[code] != document + 1) {
                last[code] = document + 1;
                count[code] = 0;
            }
            occurrence[index] = (int32_t)count[code]++;
            if (count[code] > most[code])
                most[code] = count[code];
        }
    }
    free(count);
    return 0;
}

static void sort_few(int32_t *numbers, int64_t n)
{
    for (int64_t end = 1; end < n; end++) {
        const int32_t number = numbers[end];
        int64_t index = end;
        for (; index > 0 && numbers[index - 1] > number; index--)
            numbers[index] = numbers[index - 1];
        numbers[index] = number;
    }
}

/* Merges sorted runs, at first of FEW numbers; `merged` has room for n. */
static void sort(int32_t *numbers, int32_t *merged, int64_t n)
{
    for (int64_t start = 0; start < n; start += FEW)
        sort_few(numbers + start, n - start < FEW ? n - start : FEW);
    for (int64_t size = FEW; size < n; size *= 2) {
        for (int64_t start = 0; start + size < n; start += 2 * size) {
            const int64_t end = start + 2 * size < n ? start + 2 * size : n, middle = start + size;
            int64_t left = start, right = middle, n_merged = 0;
            while (left < middle && right < end) {
                const bool is_right = numbers[right] < numbers[left];
                merged[n_merged++] = is_right ? numbers[right] : numbers[left];
                right += is_right;
                left += !is_right;
            }
            memmove(numbers + start + n_merged, numbers + left, (middle - left) * sizeof(int32_t));
            memcpy(numbers + start, merged, n_merged * sizeof(int32_t));
        }
    }
}

int64_t sort_each(Call *call)
{
    int32_t *elements = ARRAY(0);
    const int64_t *offsets = ARRAY(1);
    const int64_t n_documents = LENGTH(1) - 1;
    REQUIRE(offsets_fit(call, 1, LENGTH(0)));
    int64_t longest = 0;
    for (int64_t document = 0; document < n_documents; document++)
        if (offsets[document + 1] - offsets[document] > longest)
            longest = offsets[document + 1] - offsets[document];
    int32_t *merged = malloc((longest + 1) * sizeof(int32_t));
    if (merged == NULL)
        return OUT_OF_MEMORY;
    for (int64_t document = 0; document < n_documents; document++)
        sort(elements + offsets[document], merged, offsets[document + 1] - offsets[document]);
    free(merged);
    return 0;
}

/* How many elements two ascending slices share; a lower number once `needed` cannot be reached. */
INLINE int64_t overlap_of(const int32_t *one, const int32_t *one_end, const int32_t *other, const int32_t *other_end,
                          int64_t needed)
{
    int64_t n_shared = 0;
    while (one < one_end && other < other_end) {
        const int64_t behind = one_end - one < other_end - other ? one_end - one : other_end - other;
        if (n_shared + behind < needed)
            return n_shared;
        const int32_t left = *one, right = *other;
        n_shared += left == right;
        one += left <= right;
        other += right <= left;
    }
    return n_shared;
}

int64_t shared_by(Call *call)
{
    const int32_t *elements = ARRAY(0);
    const int64_t *offsets = ARRAY(1), *lefts = ARRAY(2), *rights = ARRAY(3);
    int64_t *shared = ARRAY(4);
    const int64_t n_pairs = LENGTH(2), n_documents = LENGTH(1) - 1;
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && indices_fit(call, 2, n_documents) && indices_fit(call, 3, n_documents));
    REQUIRE(LENGTH(3) == n_pairs && LENGTH(4) == n_pairs);
    for (int64_t pair = 0; pair < n_pairs; pair++) {
        const int64_t *left = offsets + lefts[pair], *right = offsets + rights[pair];
        shared[pair] =
            overlap_of(elements + left[0], elements + left[1], elements + right[0], elements + right[1], 0);
    }
    return 0;
}

/* Which pairs are listed, of documents in their order and each one's with earlier documents in theirs. */
typedef struct {
    const int64_t *part;
    int64_t most;
    int64_t *parent;    /* N: a forest of the groups */
    bool *has_across;   /* N: a pair with the other part */
    int64_t n_found[2]; /* of a document, by the part of the earlier one */
} Listing;

static bool open_listing(Listing *listing, int64_t n_documents)
{
    listing->parent = malloc((n_documents + 1) * sizeof(int64_t));
    listing->has_across = calloc(n_documents + 1, sizeof(bool));
    if (listing->parent == NULL || listing->has_across == NULL)
        return false;
    for (int64_t document = 0; document < n_documents; document++)
        listing->parent[document] = document;
    return true;
}

static void close_listing(Listing *listing)
{
    free(listing->parent);
    free(listing->has_across);
}

static int64_t root(int64_t *parent, int64_t node)
{
    while (parent[node] != node) {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    return node;
}

/* Whether a document has enough pairs without this one. */
static bool has_enough(Listing *listing, int64_t document, int64_t earlier)
{
    const int64_t *part = listing->part;
    if (listing->n_found[part[earlier]] < listing->most)
        return false;
    if (part[document] != part[earlier])
        return listing->has_across[document] && listing->has_across[earlier];
    return root(listing->parent, document) == root(listing->parent, earlier);
}

static void list_pair(Listing *listing, int64_t document, int64_t earlier)
{
    if (listing->part[document] != listing->part[earlier])
        listing->has_across[document] = listing->has_across[earlier] = true;
    else
        listing->parent[root(listing->parent, document)] = root(listing->parent, earlier);
    listing->n_found[listing->part[earlier]]++;
}

/* Which of pairs, in ascending order of the later and then of the earlier document, are listed when all are seen. */
int64_t listed_pairs(Call *call)
{
    const int64_t *earlier = ARRAY(0), *later = ARRAY(1), n_pairs = LENGTH(0), n_documents = LENGTH(2);
    bool *is_listed = ARRAY(4);
    REQUIRE(indices_fit(call, 0, n_documents) && indices_fit(call, 1, n_documents) && indices_fit(call, 2, 2));
    REQUIRE(LENGTH(1) == n_pairs && LENGTH(4) == n_pairs);
    Listing listing = {.part = ARRAY(2), .most = INTEGER(3)};
    const bool is_open = open_listing(&listing, n_documents);
    for (int64_t pair = 0; is_open && pair < n_pairs; pair++) {
        if (pair == 0 || later[pair] != later[pair - 1])
            listing.n_found[0] = listing.n_found[1] = 0;
        is_listed[pair] = !has_enough(&listing, later[pair], earlier[pair]);
        if (is_listed[pair])
            list_pair(&listing, later[pair], earlier[pair]);
    }
    close_listing(&listing);
    return is_open ? 0 : OUT_OF_MEMORY;
}

typedef struct {
    int64_t earlier, later, n_shared;
} Pair;

/* What the join of all documents holds; N documents. */
typedef struct {
    const int32_t *elements;
    const int64_t *offsets;
    double threshold;
    int64_t n_documents, n_elements, n_listed; /* the first n_listed documents are in the lists */
    int32_t *sizes;                    /* N */
    int32_t *needed_of;                /* of both sizes together, how many elements have to be shared */
    int32_t *n_rare;                   /* N: how many of its rarest elements to look up */
    int64_t *list_starts, *list_ends;  /* n_elements: a list of the documents that have it among their rarest, */
    int32_t *listed, *listed_indices;  /* and its index there */
    int32_t *n_shared, *candidates;    /* N */
    int32_t *merged;                   /* N: room to sort candidates */
    Listing listing;
    Pair *pairs;
    int64_t n_pairs, room;
} Join;

/* The smallest integer that is at least share * size. */
static int64_t least(double share, int64_t size) { return (int64_t)ceil(share * (double)size - TINY); }

static void close_join(Join *join)
{
    void *all[] = {join->sizes,  join->needed_of,      join->n_rare,   join->list_starts, join->list_ends,
                   join->listed, join->listed_indices, join->n_shared, join->candidates,  join->merged};
    close_listing(&join->listing);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
}

/* The lists get their room, and are empty: a document that is similar to another has one of its rarest elements. */
static bool open_lists(Join *join)
{
    const int64_t n_elements = join->n_elements;
    join->list_starts = calloc(n_elements + 1, sizeof(int64_t));
    join->list_ends = malloc((n_elements + 1) * sizeof(int64_t));
    if (join->list_starts == NULL || join->list_ends == NULL)
        return false;
    for (int64_t document = 0; document < join->n_documents; document++) {
        const int64_t size = join->sizes[document], start = join->offsets[document];
        const int64_t n_rare = size - least(join->threshold, size) + 1;
        join->n_rare[document] = (int32_t)(n_rare < size ? n_rare : size);
        for (int64_t index = start; document < join->n_listed && index < start + join->n_rare[document]; index++)
            join->list_starts[join->elements[index]]++;
    }
    int64_t n_listed = 0;
    for (int64_t element = 0; element < n_elements; element++) {
        const int64_t length = join->list_starts[element];
        join->list_starts[element] = join->list_ends[element] = n_listed;
        n_listed += length;
    }
    join->listed = malloc((n_listed + 1) * sizeof(int32_t));
    join->listed_indices = malloc((n_listed + 1) * sizeof(int32_t));
    return join->listed != NULL && join->listed_indices != NULL;
}

static bool open_join(Join *join)
{
    const int64_t n = join->n_documents, *offsets = join->offsets;
    const int64_t most_of_both = n ? 2 * (offsets[n] - offsets[n - 1]) : 0;
    const double of_both = join->threshold / (1 + join->threshold);
    join->sizes = malloc((n + 1) * sizeof(int32_t));
    join->needed_of = malloc((most_of_both + 1) * sizeof(int32_t));
    join->n_rare = malloc((n + 1) * sizeof(int32_t));
    join->n_shared = calloc(n + 1, sizeof(int32_t));
    join->candidates = malloc((n + 1) * sizeof(int32_t));
    join->merged = malloc((n + 1) * sizeof(int32_t));
    if (!(join->sizes && join->needed_of && join->n_rare && join->n_shared && join->candidates && join->merged &&
          open_listing(&join->listing, n)))
        return false;
    for (int64_t document = 0; document < n; document++)
        join->sizes[document] = (int32_t)(offsets[document + 1] - offsets[document]);
    for (int64_t both = 0; both <= most_of_both; both++)
        join->needed_of[both] = (int32_t)least(of_both, both);
    return open_lists(join);
}

/* Puts the earlier documents that share one of its rarest elements into `candidates`, and returns their number.
 * `n_shared` becomes how many they share, or NEVER once they cannot share enough. */
static int64_t find_candidates(Join *join, int64_t document)
{
    const int32_t *sizes = join->sizes, *listed = join->listed, *needed_of = join->needed_of;
    const int32_t *rare = join->elements + join->offsets[document];
    int32_t *n_shared = join->n_shared;
    const int64_t size = sizes[document], least_size = least(join->threshold, size);
    int64_t n_candidates = 0;
    for (int64_t index = 0; index < join->n_rare[document]; index++) {
        int64_t start = join->list_starts[rare[index]];
        const int64_t end = join->list_ends[rare[index]];
        while (start < end && sizes[listed[start]] < least_size)
            start++; /* too small for this document and for all later ones */
        join->list_starts[rare[index]] = start;
        for (int64_t entry = start; entry < end; entry++) {
            const int32_t earlier = listed[entry], shared = n_shared[earlier];
            if (shared < 0)
                continue;
            if (shared == 0)
                join->candidates[n_candidates++] = earlier;
            const int64_t left = size - index, right = sizes[earlier] - join->listed_indices[entry];
            const bool is_possible = shared + (left < right ? left : right) >= needed_of[size + sizes[earlier]];
            n_shared[earlier] = is_possible ? shared + 1 : NEVER;
        }
    }
    return n_candidates;
}

/* Whether those behind the looked up elements can suffice, `shared` of which both documents have. */
static bool can_suffice(const Join *join, int64_t document, int64_t earlier, int64_t shared)
{
    const int32_t *sizes = join->sizes;
    const int64_t last = join->n_rare[document] - 1, earlier_last = join->n_rare[earlier] - 1;
    const int32_t *elements = join->elements + join->offsets[document];
    int64_t behind = sizes[earlier] - earlier_last - 1;
    if (elements[last] < join->elements[join->offsets[earlier] + earlier_last])
        behind = sizes[document] - last - 1; /* all shared before is counted: the other's list reaches further */
    return shared + behind >= join->needed_of[sizes[document] + sizes[earlier]];
}

static bool add_pair(Join *join, Pair pair)
{
    if (join->n_pairs == join->room) {
        const int64_t room = join->room ? 2 * join->room : 1 << 10;
        Pair *larger = realloc(join->pairs, room * sizeof(Pair));
        if (larger == NULL)
            return false;
        join->pairs = larger;
        join->room = room;
    }
    join->pairs[join->n_pairs++] = pair;
    return true;
}

/* Candidates that can still suffice, in their order; returns their number. `n_shared` is 0 again for all. */
static int64_t keep_possible(Join *join, int64_t document, int64_t n_candidates)
{
    int64_t n_kept = 0;
    for (int64_t number = 0; number < n_candidates; number++) {
        const int32_t earlier = join->candidates[number], shared = join->n_shared[earlier];
        join->n_shared[earlier] = 0;
        if (shared >= 0 && can_suffice(join, document, earlier, shared))
            join->candidates[n_kept++] = earlier;
    }
    sort(join->candidates, join->merged, n_kept);
    return n_kept;
}

/* The pairs of a document with earlier ones. */
static bool add_pairs_of(Join *join, int64_t document)
{
    const int32_t *elements = join->elements;
    const int64_t *offsets = join->offsets;
    const int64_t n_candidates = keep_possible(join, document, find_candidates(join, document));
    join->listing.n_found[0] = join->listing.n_found[1] = 0;
    for (int64_t number = 0; number < n_candidates; number++) {
        const int32_t earlier = join->candidates[number];
        if (has_enough(&join->listing, document, earlier))
            continue;
        const int64_t needed = join->needed_of[join->sizes[document] + join->sizes[earlier]];
        const int64_t n_shared = overlap_of(elements + offsets[document], elements + offsets[document + 1],
                                            elements + offsets[earlier], elements + offsets[earlier + 1], needed);
        if (n_shared < needed)
            continue;
        list_pair(&join->listing, document, earlier);
        if (!add_pair(join, (Pair){earlier, document, n_shared}))
            return false;
    }
    return true;
}

static void enter(Join *join, int64_t document)
{
    for (int64_t index = 0; index < join->n_rare[document]; index++) {
        const int64_t entry = join->list_ends[join->elements[join->offsets[document] + index]]++;
        join->listed[entry] = (int32_t)document;
        join->listed_indices[entry] = (int32_t)index;
    }
}

/* Whether no document has fewer elements than the one before. */
static bool sizes_ascend(const Call *call, int offsets)
{
    const int64_t *at = ARRAY(offsets);
    for (int64_t i = 2; i < LENGTH(offsets); i++)
        if (at[i] - at[i - 1] < at[i - 1] - at[i - 2])
            return false;
    return true;
}

/* Returns the number of pairs; the result is theirs. */
int64_t similar_pairs(Call *call)
{
    REQUIRE(0 <= INTEGER(3) && INTEGER(3) <= INT32_MAX && ids_fit(call, 0, INTEGER(3)));
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && sizes_ascend(call, 1));
    REQUIRE(LENGTH(2) == LENGTH(1) - 1 && indices_fit(call, 2, 2) && REAL(4) > 0 && REAL(4) <= 1);
    REQUIRE(INTEGER(6) <= LENGTH(1) - 1);
    const bool is_all = INTEGER(6) < 0; /* all with all, not later ones with the first of them */
    Join join = {
        .elements = ARRAY(0),
        .offsets = ARRAY(1),
        .n_elements = INTEGER(3),
        .threshold = REAL(4),
        .n_documents = LENGTH(1) - 1,
        .n_listed = is_all ? LENGTH(1) - 1 : INTEGER(6),
        .listing = {.part = ARRAY(2), .most = INTEGER(5)},
    };
    bool is_done = open_join(&join);
    for (int64_t document = 0; is_done && document < join.n_documents; document++) {
        if (join.sizes[document] == 0)
            continue;
        if (is_all || document >= join.n_listed)
            is_done = add_pairs_of(&join, document);
        if (document < join.n_listed)
            enter(&join, document);
    }
    close_join(&join);
    call->results[0] = (Result){join.pairs, join.n_pairs * (int64_t)sizeof(Pair)};
    return is_done ? join.n_pairs : OUT_OF_MEMORY;
}
