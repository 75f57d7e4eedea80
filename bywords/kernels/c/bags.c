/* Documents of ids: each id once, counted, weighed, and the rows of a matrix added up. bags.py says more. */

#include <float.h>
#include <math.h>

#include "bags.h"
#include "rows.h"
#include "tables.h"

enum { UNKNOWN = 1 };                    /* an id, as in ragged.py */
enum { UNIFORM, IDF, TFIDF, LOG_TFIDF }; /* weightings, in the order of bags.py */

/* Four times as many as there may be ids, a power of two: few of them meet, and those of a short document are near. */
INLINE uint64_t n_entries_for(int64_t n_ids)
{
    uint64_t n_entries = 16;
    while (n_entries < 4 * (uint64_t)n_ids)
        n_entries *= 2;
    return n_entries;
}

/* With room for the longest of the documents; without entries where there is no memory for it. */
static Seen new_seen(const int64_t *offsets, int64_t n_documents)
{
    int64_t longest = 8;
    for (int64_t document = 0; document < n_documents; document++) {
        const int64_t length = offsets[document + 1] - offsets[document];
        longest = length > longest ? length : longest;
    }
    const uint64_t n_entries = n_entries_for(longest);
    return (Seen){malloc(n_entries * sizeof(uint32_t)), n_entries};
}

/* The segment of an id of the pool. */
INLINE Segment *segment_of(const Pool *pool, int32_t id)
{
    Segment *segment = pool->segments;
    while (segment->behind <= id)
        segment++;
    return segment;
}

/* Count the n ids of a document. Returns how many distinct ones there are. The rows that a pool has of them are
 * asked for, where there is one. */
INLINE int64_t count_ids(Seen *seen, const int32_t *restrict ids, int64_t n, int64_t n_rows, int32_t unknown,
                         int32_t *restrict distinct, float *restrict counts, const Pool *pool)
{
    while (n && (uint32_t)ids[n - 1] >= (uint64_t)n_rows) /* those that a model does not see are behind the others */
        n--;
    const uint64_t n_entries = n_entries_for(n), mask = n_entries - 1;
    const Segment *segment = pool ? pool->segments : NULL;
    int64_t n_distinct = 0;
    memset(seen->entries, 0, n_entries * sizeof(uint32_t));
    for (int64_t position = 0; position < n; position++) {
        const int32_t id = ids[position];
        if ((uint32_t)id >= (uint64_t)n_rows)
            continue;
        uint64_t slot = ((uint64_t)id * GOLDEN >> 32) & mask;
        uint32_t entry;
        while ((entry = seen->entries[slot]) && distinct[entry - 1] != id)
            slot = (slot + 1) & mask;
        if (entry) {
            counts[entry - 1] += 1;
            continue;
        }
        if (pool) {
            if (id < segment->first || segment->behind <= id)
                segment = segment_of(pool, id);
            __builtin_prefetch(segment->rows + (id - segment->first) * segment->width);
        }
        distinct[n_distinct] = id;
        counts[n_distinct++] = 1;
        seen->entries[slot] = (uint32_t)n_distinct;
    }
    if (n_distinct == 0) {
        distinct[n_distinct] = unknown;
        counts[n_distinct++] = 1;
    }
    return n_distinct;
}

/* ids, offsets, n_rows, unknown; distinct, offsets, counts. Returns the number of ids. */
int64_t count(Call *call)
{
    const int32_t *ids = ARRAY(0);
    const int64_t *offsets = ARRAY(1), n_documents = LENGTH(1) - 1;
    int32_t *distinct = ARRAY(4);
    int64_t *new_offsets = ARRAY(5), n = 0;
    float *counts = ARRAY(6);
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && LENGTH(5) == LENGTH(1));
    REQUIRE(LENGTH(4) >= LENGTH(0) + n_documents && LENGTH(6) >= LENGTH(0) + n_documents);
    Seen seen = new_seen(offsets, n_documents);
    if (seen.entries == NULL)
        return OUT_OF_MEMORY;
    new_offsets[0] = 0;
    for (int64_t document = 0; document < n_documents; document++) {
        const int64_t start = offsets[document], length = offsets[document + 1] - start;
        n += count_ids(&seen, ids + start, length, INTEGER(2), (int32_t)INTEGER(3), distinct + n,
                       counts + n, NULL);
        new_offsets[document + 1] = n;
    }
    free(seen.entries);
    return n;
}

typedef struct {
    const float *idf;
    const int64_t *starts; /* of blocks of ids; the first starts at 0 */
    int64_t n_starts;
    int weighting;
    double *squares; /* (n_starts + 1) */
    float logarithms[N_LOGARITHMS]; /* of counts, and 1 */
} Weighing;

static void set_logarithms(float *logarithms)
{
    for (int count = 1; count < N_LOGARITHMS; count++)
        logarithms[count] = 1 + (float)log((double)count);
}

INLINE float log_of(const float *logarithms, float count)
{
    const bool is_small = 1 <= count && count < N_LOGARITHMS && count == (float)(int)count;
    return is_small ? logarithms[(int)count] : 1 + (float)log((double)count);
}

/* What the arguments from `first` on say: idf, starts, weighting. Blocks of which one has all rows are none. Without
 * squares where there is no memory for them. */
static Weighing new_weighing(Call *call, int first)
{
    const int64_t *starts = ARRAY(first + 1), n_rows = LENGTH(first);
    int64_t n_starts = 0, n_inside = 0;
    for (; n_starts < LENGTH(first + 1); n_starts++)
        n_inside += 0 < starts[n_starts] && starts[n_starts] < n_rows;
    n_starts = n_inside ? n_starts : 0;
    Weighing weighing = {
        ARRAY(first), starts, n_starts, (int)INTEGER(first + 2), malloc((n_starts + 1) * sizeof(double)), {0}};
    set_logarithms(weighing.logarithms);
    return weighing;
}

INLINE bool is_weighting(int64_t weighting) { return UNIFORM <= weighting && weighting <= LOG_TFIDF; }

INLINE int64_t block_of(const Weighing *weighing, int32_t id)
{
    int64_t block = 0;
    while (block < weighing->n_starts && weighing->starts[block] <= id)
        block++;
    return block;
}

/* The end of the ids from `start` on that are of one block, which it gives; of all, where there are no blocks. */
INLINE int64_t end_of_block(const Weighing *weighing, int64_t n_starts, const int32_t *ids, int64_t start, int64_t n,
                            int64_t *block)
{
    *block = 0;
    if (n_starts == 0)
        return n;
    *block = block_of(weighing, ids[start]);
    const int64_t first = *block ? weighing->starts[*block - 1] : 0;
    const int64_t behind = *block < n_starts ? weighing->starts[*block] : INT64_MAX;
    while (start < n && first <= ids[start] && ids[start] < behind)
        start++;
    return start;
}

/* Divide weights by the length of their block, or, with one block, of all of them; it is never 0. */
INLINE void scale(const Weighing *weighing, int64_t n_starts, const int32_t *restrict ids, int64_t n,
                  float *restrict weights)
{
    double *squares = weighing->squares;
    int64_t block;
    memset(squares, 0, (n_starts + 1) * sizeof(double));
    for (int64_t start = 0, end; start < n; start = end) {
        end = end_of_block(weighing, n_starts, ids, start, n, &block);
        double sums[4] = {0}; /* one waits for the other */
        for (int64_t index = start; index < end; index++)
            sums[(index - start) & 3] += (double)weights[index] * (double)weights[index];
        squares[block] += (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
    for (block = 0; block <= n_starts; block++)
        squares[block] = sqrt(squares[block] > FLT_MIN ? squares[block] : FLT_MIN);
    for (int64_t start = 0, end; start < n; start = end) {
        end = end_of_block(weighing, n_starts, ids, start, n, &block);
        const float length = (float)squares[block];
        for (int64_t index = start; index < end; index++)
            weights[index] /= length;
    }
}

/* The n counts of a document → weights. Sums are taken in double precision. */
INLINE void weigh_ids(const Weighing *weighing, const int32_t *restrict ids, int64_t n, float *restrict weights)
{
    const int weighting = weighing->weighting;
    if (weighting == LOG_TFIDF) {
        for (int64_t index = 0; index < n; index++)
            weights[index] = log_of(weighing->logarithms, weights[index]);
    }
    if (weighting != UNIFORM) {
        for (int64_t index = 0; index < n; index++)
            weights[index] *= weighing->idf[ids[index]];
    }
    if (weighting == UNIFORM || weighting == IDF) {
        double sum = 0;
        for (int64_t index = 0; index < n; index++)
            sum += (double)weights[index];
        sum = sum < FLT_MIN ? FLT_MIN : sum; /* 0 of words that have been added later */
        for (int64_t index = 0; index < n; index++)
            weights[index] /= (float)sum;
        return;
    }
    for (int64_t index = 0; index < n; index++)
        weights[index] = ids[index] == UNKNOWN ? 0 : weights[index];
    if (weighing->n_starts)
        scale(weighing, weighing->n_starts, ids, n, weights);
    scale(weighing, 0, ids, n, weights);
}

/* ids, offsets, idf, starts of blocks, weighting; counts, which become weights. */
int64_t weigh(Call *call)
{
    const int32_t *ids = ARRAY(0);
    const int64_t *offsets = ARRAY(1), n_documents = LENGTH(1) - 1;
    float *weights = ARRAY(5);
    REQUIRE(ids_fit(call, 0, LENGTH(2)) && offsets_fit(call, 1, LENGTH(0)) && LENGTH(5) == LENGTH(0));
    REQUIRE(is_weighting(INTEGER(4)));
    const Weighing weighing = new_weighing(call, 2);
    if (weighing.squares == NULL)
        return OUT_OF_MEMORY;
    for (int64_t document = 0; document < n_documents; document++) {
        const int64_t start = offsets[document];
        weigh_ids(&weighing, ids + start, offsets[document + 1] - start, weights + start);
    }
    free(weighing.squares);
    return 0;
}

/* ids, offsets, idf, starts of blocks, weighting, matrix; sums of its rows, counted and weighed. */
VECTORIZED int64_t weighed_sums(Call *call)
{
    const int32_t *ids = ARRAY(0);
    const int64_t *offsets = ARRAY(1), n_documents = LENGTH(1) - 1, n_rows = LENGTH(2), dimension = WIDTH(5);
    const float *matrix = ARRAY(5);
    float *sums = ARRAY(6);
    REQUIRE(ids_fit(call, 0, (int64_t)INT32_MAX + 1) && offsets_fit(call, 1, LENGTH(0)));
    REQUIRE(n_rows > UNKNOWN && LENGTH(5) == n_rows && LENGTH(6) == n_documents && WIDTH(6) == dimension);
    REQUIRE(is_weighting(INTEGER(4)));
    Seen seen = new_seen(offsets, n_documents);
    const Weighing weighing = new_weighing(call, 2);
    int32_t *distinct = malloc(seen.n_entries * sizeof(int32_t));
    float *weights = malloc(seen.n_entries * sizeof(float));
    const bool is_enough = seen.entries && weighing.squares && distinct && weights;
    for (int64_t document = 0; is_enough && document < n_documents; document++) {
        const int64_t start = offsets[document], length = offsets[document + 1] - start;
        const int64_t n = count_ids(&seen, ids + start, length, n_rows, UNKNOWN, distinct, weights, NULL);
        weigh_ids(&weighing, distinct, n, weights);
        add_up(matrix, dimension, distinct, weights, n, sums + document * dimension);
    }
    free(seen.entries);
    free(weighing.squares);
    free(distinct);
    free(weights);
    return is_enough ? 0 : OUT_OF_MEMORY;
}

enum { LANES = 8, HALF = 4, PAIR = 2 };

INLINE const int32_t *row_of(const Segment *segment, int64_t width, int32_t id)
{
    return segment->rows + (id - segment->first) * width;
}

INLINE void add_row(const int32_t *restrict row, const int64_t width, uint64_t *restrict sums)
{
    for (int64_t number = 0; number < width; number++)
        sums[number] += (uint64_t)(int64_t)row[number];
}

/* Add up the rows of the ids from `start` on that are of one segment. Returns where they end. */
INLINE int64_t add_segment(Segment *segment, const int64_t width, const int32_t *restrict ids, int64_t start, int64_t n)
{
    int64_t end = start;
    uint64_t few[LANES] = {0}, *sums = width > LANES ? segment->sums : few;
    for (; end < n && segment->first <= ids[end] && ids[end] < segment->behind; end++)
        add_row(row_of(segment, width, ids[end]), width, sums);
    for (int64_t number = 0; number < width && width <= LANES; number++)
        segment->sums[number] += few[number];
    return end;
}

/* Add up the rows of ids, all of the pool, into the sums of their segments. */
INLINE void add_rows_of(Pool *pool, const int32_t *ids, int64_t n)
{
    for (int64_t index = 0; index < n;) {
        Segment *segment = segment_of(pool, ids[index]);
        const int64_t width = segment->width;
        index = width == PAIR    ? add_segment(segment, PAIR, ids, index, n)
                : width == HALF  ? add_segment(segment, HALF, ids, index, n)
                : width == LANES ? add_segment(segment, LANES, ids, index, n)
                                 : add_segment(segment, width, ids, index, n);
    }
}

/* Let an id that is there `count` times, and whose row was added `n_added` times, weigh what it should. */
INLINE void weigh_count(Pool *pool, int32_t id, float count, int64_t n_added)
{
    Segment *segment = segment_of(pool, id);
    const int32_t *row = row_of(segment, segment->width, id);
    const double factor = pool->is_log ? (double)log_of(pool->logarithms, count) : (double)count;
    const double square = rint(factor * factor * row[0]);
    segment->square += (fabs(square) < (double)INT64_MAX / 2 ? (Wide)(int64_t)square : (Wide)square) - n_added * row[0];
    for (int64_t number = 1; number < segment->width; number++)
        segment->sums[number] += (uint64_t)((int64_t)rint(factor * row[number]) - n_added * row[number]);
}

INLINE void clear_sums(Pool *pool)
{
    for (int64_t number = 0; number < pool->n_segments; number++) {
        Segment *segment = pool->segments + number;
        memset(segment->sums, 0, segment->width * sizeof(uint64_t));
        segment->square = 0;
        segment->column = 1;
    }
}

/* The sums of the segments, divided by the lengths of their groups and of the whole, over all models. */
INLINE void add_models(const Pool *pool, float *restrict answer)
{
    memset(answer, 0, pool->n_classes * sizeof(float));
    for (int64_t number = 0; number < pool->n_segments; number++) {
        Segment *segment = pool->segments + number;
        segment->length = (double)((Wide)(int64_t)segment->sums[0] + segment->square) * segment->units[0];
    }
    for (int64_t model = 0; model < pool->n_models; model++) {
        const int64_t *groups = pool->groups + model * pool->n_segments;
        double *lengths = pool->lengths, whole = 0;
        int64_t n_groups = 0;
        memset(lengths, 0, pool->n_segments * sizeof(double));
        for (int64_t segment = 0; segment < pool->n_segments; segment++) {
            if (groups[segment] < 0)
                continue;
            lengths[groups[segment]] += pool->segments[segment].length;
            n_groups = groups[segment] >= n_groups ? groups[segment] + 1 : n_groups;
        }
        for (int64_t group = 0; group < n_groups; group++) {
            const double square = lengths[group] < FLT_MIN ? FLT_MIN : lengths[group];
            whole += lengths[group] / square;
            lengths[group] = sqrt(square);
        }
        whole = n_groups < 2 ? 1 : sqrt(whole < FLT_MIN ? FLT_MIN : whole);
        for (int64_t number = 0; number < pool->n_segments; number++) {
            Segment *segment = pool->segments + number;
            if (groups[number] < 0)
                continue;
            const uint64_t *restrict sums = segment->sums + segment->column;
            const double *restrict units = segment->units + segment->column;
            const double scale = 1 / (lengths[groups[number]] * whole);
            segment->column += pool->n_columns;
            for (int64_t k = 0; k < pool->n_columns; k++)
                answer[k] += (float)(scale * ((double)(int64_t)sums[k] * units[k]));
        }
    }
    if (pool->n_columns < pool->n_classes)
        answer[1] = 0 - answer[0];
}

/* How many numbers a row of a segment has: two, four, or eight and more. */
static int64_t width_of(const int64_t *groups, int64_t n_models, int64_t n_segments, int64_t segment, int64_t n_columns)
{
    int64_t n = 1;
    for (int64_t model = 0; model < n_models; model++)
        n += groups[model * n_segments + segment] >= 0 ? n_columns : 0;
    return n <= PAIR ? PAIR : n <= HALF ? HALF : (n + LANES - 1) / LANES * LANES;
}

/* Whether the six arguments from `first` on are a pool that gives so many logits. */
bool pool_fits(const Call *call, int first, int64_t n_classes)
{
    const int64_t n_segments = LENGTH(first + 1) - 1, n_models = LENGTH(first + 2), n_columns = INTEGER(first + 3);
    const int64_t *starts = ARRAY(first + 1), *groups = ARRAY(first + 2), weighting = INTEGER(first + 4);
    bool is_right = 0 < n_segments && WIDTH(first + 2) == n_segments && 0 < n_classes &&
                    (n_columns == n_classes || (n_columns == 1 && n_classes == 2)) &&
                    n_models <= LENGTH(first) / n_columns && offsets_fit(call, first + 1, INT32_MAX) && starts[0] == 0 &&
                    starts[n_segments] > UNKNOWN && (weighting == TFIDF || weighting == LOG_TFIDF);
    for (int64_t index = 0; is_right && index < n_models * n_segments; index++)
        is_right = -1 <= groups[index] && groups[index] < n_segments;
    int64_t n_left = is_right ? LENGTH(first) : -1, n_units = 0;
    for (int64_t segment = 0; segment < n_segments && n_left >= 0; segment++) {
        const int64_t n = starts[segment + 1] - starts[segment];
        const int64_t width = width_of(groups, n_models, n_segments, segment, n_columns);
        n_left = n == 0 || width <= n_left / n ? n_left - n * width : -1;
        n_units += width;
    }
    return n_left == 0 && n_units == LENGTH(first + 5);
}

/* The pool that they are. Without sums where there is no memory; `free_pool` frees it. */
Pool new_pool(Call *call, int first, int64_t n_classes)
{
    const int64_t n_segments = LENGTH(first + 1) - 1, *starts = ARRAY(first + 1);
    Pool pool = {.n_rows = starts[n_segments], .n_classes = n_classes, .n_columns = INTEGER(first + 3),
                 .n_models = LENGTH(first + 2), .n_segments = n_segments, .is_log = INTEGER(first + 4) == LOG_TFIDF,
                 .groups = ARRAY(first + 2), .segments = malloc(n_segments * sizeof(Segment)),
                 .lengths = malloc(n_segments * sizeof(double))};
    const int32_t *rows = ARRAY(first);
    const double *units = ARRAY(first + 5);
    int64_t width = 0;
    set_logarithms(pool.logarithms);
    if (!pool.segments || !pool.lengths)
        return pool;
    for (int64_t segment = 0; segment < n_segments; segment++) {
        Segment *one = pool.segments + segment;
        *one = (Segment){.first = starts[segment], .behind = starts[segment + 1], .rows = rows, .units = units};
        one->width = width_of(pool.groups, pool.n_models, n_segments, segment, pool.n_columns);
        rows += (one->behind - one->first) * one->width;
        units += one->width;
        width += one->width;
    }
    uint64_t *sums = pool.sums = malloc(width * sizeof(uint64_t));
    for (int64_t segment = 0; segment < n_segments; segment++) {
        pool.segments[segment].sums = sums;
        sums += pool.segments[segment].width;
    }
    return pool;
}

void free_pool(Pool *pool)
{
    free(pool->sums);
    free(pool->segments);
    free(pool->lengths);
    free(pool->seen.entries);
    free(pool->distinct);
    free(pool->counts);
    free(pool->stamps);
    free(pool->repeats);
}

/* Whether there is memory for documents of so many ids. */
static bool make_room_for(Pool *pool, int64_t n_ids)
{
    const uint64_t n_entries = n_entries_for(n_ids < 8 ? 8 : n_ids);
    if (n_entries <= pool->seen.n_entries)
        return true;
    free(pool->seen.entries);
    free(pool->distinct);
    free(pool->counts);
    pool->seen = (Seen){malloc(n_entries * sizeof(uint32_t)), n_entries};
    pool->distinct = malloc(n_entries * sizeof(int32_t));
    pool->counts = malloc(n_entries * sizeof(float));
    if (pool->seen.entries && pool->distinct && pool->counts)
        return true;
    pool->seen.n_entries = 0;
    return false;
}

/* The logits of a document of n ids, without biases. Whether there is memory for it. */
VECTORIZED bool pool_document(Pool *pool, const int32_t *ids, int64_t n_ids, float *answer)
{
    if (!make_room_for(pool, n_ids))
        return false;
    const int32_t *distinct = pool->distinct;
    const int64_t n = count_ids(&pool->seen, ids, n_ids, pool->n_rows, UNKNOWN, pool->distinct, pool->counts, pool);
    clear_sums(pool);
    add_rows_of(pool, distinct, n);
    for (int64_t index = 0; index < n; index++) {
        if (pool->counts[index] != 1)
            weigh_count(pool, distinct[index], pool->counts[index], 1);
    }
    add_models(pool, answer);
    return true;
}

/* Whether ids are all in the last segment, so that `sum_words` may be asked for them. */
VECTORIZED bool has_in_last_segment(const Pool *pool, const int32_t *ids, int64_t n)
{
    const int64_t first = pool->segments[pool->n_segments - 1].first, behind = pool->n_rows;
    bool are_inside = true;
    for (int64_t index = 0; index < n; index++)
        are_inside &= first <= ids[index] && ids[index] < behind;
    return are_inside;
}

/* Add up the rows of the character n-grams of words, before documents are made of these. Whether there is memory for it;
 * the caller frees the sums. */
VECTORIZED bool sum_words(Pool *pool, WordSums *words, int64_t n_words)
{
    const Segment *segment = pool->segments + pool->n_segments - 1;
    const int64_t width = segment->width;
    words->sums = calloc(n_words * width + 1, sizeof(uint64_t));
    pool->stamps = calloc(pool->n_rows, sizeof(uint16_t));
    pool->repeats = malloc((2 * MOST_STAMPED + 1) * sizeof(Repeat));
    if (!words->sums || !pool->stamps || !pool->repeats)
        return false;
    for (int64_t word = 0; word < n_words; word++) {
        for (int64_t index = words->offsets[word]; index < words->offsets[word + 1]; index++)
            add_row(row_of(segment, width, words->ids[index]), width, words->sums + word * width);
    }
    return true;
}

/* Count ids, all of the pool, by their stamps; put those that are not the first of their kind behind the n repeats.
 * Returns how many there are now. */
INLINE int64_t stamp_ids(Pool *pool, const int32_t *restrict ids, int64_t n_ids, int64_t n)
{
    uint16_t *restrict stamps = pool->stamps;
    Repeat *restrict repeats = pool->repeats;
    const uint32_t n_stamped = pool->n_stamped;
    for (int64_t index = 0; index < n_ids; index++) {
        const uint32_t stamp = stamps[ids[index]], before = stamp > n_stamped ? stamp : n_stamped;
        stamps[ids[index]] = (uint16_t)(before + 1);
        repeats[n] = (Repeat){ids[index], before + 1 - n_stamped};
        n += before > n_stamped;
    }
    return n;
}

/* Add up the sums of tokens into those of the last segment, and count their character n-grams behind the n repeats.
 * Returns how many there are now. */
INLINE int64_t add_tokens(Pool *pool, const int64_t width, const WordSums *words, const int32_t *codes, int64_t n_tokens,
                          int64_t n)
{
    Segment *last = pool->segments + pool->n_segments - 1;
    uint64_t few[LANES] = {0}, *sums = width > LANES ? last->sums : few;
    for (int64_t token = 0; token < n_tokens; token++) {
        const int64_t code = codes[token], start = words->offsets[code];
        const uint64_t *restrict more = words->sums + code * width;
        for (int64_t number = 0; number < width; number++)
            sums[number] += more[number];
        n = stamp_ids(pool, words->ids + start, words->offsets[code + 1] - start, n);
    }
    for (int64_t number = 0; number < width && width <= LANES; number++)
        last->sums[number] += few[number];
    return n;
}

/* The logits of a document, without biases, as `pool_document` has them: of ids, and of the character n-grams of tokens.
 * Neither are more than MOST_STAMPED. */
VECTORIZED void pool_words(Pool *pool, const int32_t *ids, int64_t n_ids, const WordSums *words, const int32_t *codes,
                           int64_t n_tokens, float *answer)
{
    const int64_t width = pool->segments[pool->n_segments - 1].width;
    if (pool->n_stamped >= UINT16_MAX - 2 * MOST_STAMPED) {
        memset(pool->stamps, 0, pool->n_rows * sizeof(uint16_t));
        pool->n_stamped = 0;
    }
    clear_sums(pool);
    int64_t n = width == PAIR   ? add_tokens(pool, PAIR, words, codes, n_tokens, 0)
                : width == HALF ? add_tokens(pool, HALF, words, codes, n_tokens, 0)
                                : add_tokens(pool, width, words, codes, n_tokens, 0);
    for (int64_t start = 0, end; start < n_ids; start = end + 1) { /* those that a model does not see are left out */
        for (end = start; end < n_ids && (uint32_t)ids[end] < (uint64_t)pool->n_rows;)
            end++;
        n = stamp_ids(pool, ids + start, end - start, n);
        add_rows_of(pool, ids + start, end - start);
    }
    uint32_t most = 1;
    for (int64_t index = 0; index < n; index++) {
        const Repeat repeat = pool->repeats[index];
        most = repeat.n > most ? repeat.n : most;
        if (pool->n_stamped + repeat.n == pool->stamps[repeat.id]) /* the last of its kind */
            weigh_count(pool, repeat.id, (float)repeat.n, repeat.n);
    }
    pool->n_stamped += most;
    add_models(pool, answer);
}

/* ids, offsets; six of a pool; the sums of all models. */
int64_t pooled_sums(Call *call)
{
    const int32_t *ids = ARRAY(0);
    const int64_t *offsets = ARRAY(1), n_documents = LENGTH(1) - 1;
    float *answers = ARRAY(8);
    REQUIRE(ids_fit(call, 0, (int64_t)INT32_MAX + 1) && offsets_fit(call, 1, LENGTH(0)) && LENGTH(8) == n_documents);
    REQUIRE(pool_fits(call, 2, WIDTH(8)));
    Pool pool = new_pool(call, 2, WIDTH(8));
    bool is_enough = pool.sums;
    for (int64_t document = 0; is_enough && document < n_documents; document++) {
        const int64_t start = offsets[document];
        is_enough = pool_document(&pool, ids + start, offsets[document + 1] - start, answers + document * WIDTH(8));
    }
    free_pool(&pool);
    return is_enough ? 0 : OUT_OF_MEMORY;
}
