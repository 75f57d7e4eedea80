/* Documents of ids: each id once, counted, weighed, and the rows of a matrix added up. bags.py says more. */

#include <float.h>
#include <math.h>

#include "rows.h"
#include "tables.h"

enum { UNKNOWN = 1 };                    /* an id, as in ragged.py */
enum { UNIFORM, IDF, TFIDF, LOG_TFIDF }; /* weightings, in the order of bags.py */

#define N_LOGARITHMS 8

/* A small table of the ids of one document, with linear probing: index + 1 of a distinct id, 0 where it is free. */
typedef struct {
    uint32_t *entries;
    uint64_t n_entries;
} Seen;

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

/* Count the n ids of a document. Returns how many distinct ones there are. */
INLINE int64_t count_ids(Seen *seen, const int32_t *restrict ids, int64_t n, int64_t n_rows, int32_t unknown,
                         int32_t *restrict distinct, float *restrict counts)
{
    while (n && ids[n - 1] >= n_rows) /* those that a model does not see are behind the others */
        n--;
    const uint64_t n_entries = n_entries_for(n), mask = n_entries - 1;
    int64_t n_distinct = 0;
    memset(seen->entries, 0, n_entries * sizeof(uint32_t));
    for (int64_t position = 0; position < n; position++) {
        const int32_t id = ids[position];
        if (id >= n_rows)
            continue;
        uint64_t slot = ((uint64_t)id * GOLDEN >> 32) & mask;
        uint32_t entry;
        while ((entry = seen->entries[slot]) && distinct[entry - 1] != id)
            slot = (slot + 1) & mask;
        if (entry) {
            counts[entry - 1] += 1;
            continue;
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
                       counts + n);
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
        const int64_t n = count_ids(&seen, ids + start, length, n_rows, UNKNOWN, distinct, weights);
        weigh_ids(&weighing, distinct, n, weights);
        add_up(matrix, dimension, distinct, weights, n, sums + document * dimension);
    }
    free(seen.entries);
    free(weighing.squares);
    free(distinct);
    free(weights);
    return is_enough ? 0 : OUT_OF_MEMORY;
}

/* What some linear models on the same features share: of each id its idf, the columns of all, and room to a multiple of
 * LANES; and in which group of ids, that is scaled to length 1, each model has the ids of a segment, -1 for none. */
enum { LANES = 8 };

typedef struct {
    const float *table;
    int64_t width, n_classes, n_models, n_segments;
    const int64_t *starts, *groups;
    float *sums;              /* (n_segments, width) of a document */
    double *squares, *lengths; /* (n_segments), and of groups */
} Pool;

/* Add up the rows of ids from `start` on that are of one segment, weighed by count and idf. Returns where they end. */
INLINE int64_t add_segment(const Pool *pool, const int64_t width, const int32_t *restrict ids,
                           const float *restrict counts, int64_t start, int64_t n)
{
    int64_t segment = pool->n_segments - 1, index = start;
    while (ids[start] < pool->starts[segment])
        segment--;
    const int64_t first = pool->starts[segment];
    const int64_t behind = segment + 1 < pool->n_segments ? pool->starts[segment + 1] : INT64_MAX;
    float *restrict total = pool->sums + segment * width;
    for (int64_t lane = 0; lane < width; lane += LANES) {
        float sums[LANES] = {0};
        double squares[4] = {0}; /* one waits for the other */
        for (index = start; index < n && first <= ids[index] && ids[index] < behind; index++) {
            const float *restrict row = pool->table + ids[index] * width;
            const float weight = counts[index] * row[0];
            if (index + ROWS_AHEAD < n)
                __builtin_prefetch(pool->table + ids[index + ROWS_AHEAD] * width + lane);
            squares[index & 3] += (double)weight * (double)weight;
            for (int64_t d = 0; d < LANES; d++)
                sums[d] += weight * row[lane + d];
        }
        for (int64_t d = 0; d < LANES; d++)
            total[lane + d] += sums[d];
        if (lane == 0)
            pool->squares[segment] += (squares[0] + squares[1]) + (squares[2] + squares[3]);
    }
    return index;
}

/* The sums of the segments, divided by the lengths of their groups and of the whole, over all models. */
INLINE void add_models(const Pool *pool, float *restrict answer)
{
    memset(answer, 0, pool->n_classes * sizeof(float));
    for (int64_t model = 0; model < pool->n_models; model++) {
        const int64_t *groups = pool->groups + model * pool->n_segments;
        double *lengths = pool->lengths, whole = 0;
        int64_t n_groups = 0;
        memset(lengths, 0, pool->n_segments * sizeof(double));
        for (int64_t segment = 0; segment < pool->n_segments; segment++) {
            if (groups[segment] < 0)
                continue;
            lengths[groups[segment]] += pool->squares[segment];
            n_groups = groups[segment] >= n_groups ? groups[segment] + 1 : n_groups;
        }
        for (int64_t group = 0; group < n_groups; group++) {
            const double square = lengths[group] < FLT_MIN ? FLT_MIN : lengths[group];
            whole += lengths[group] / square;
            lengths[group] = sqrt(square);
        }
        whole = n_groups < 2 ? 1 : sqrt(whole < FLT_MIN ? FLT_MIN : whole);
        for (int64_t segment = 0; segment < pool->n_segments; segment++) {
            if (groups[segment] < 0)
                continue;
            const float *restrict sums = pool->sums + segment * pool->width + 1 + model * pool->n_classes;
            const float scale = (float)(1 / (lengths[groups[segment]] * whole));
            for (int64_t k = 0; k < pool->n_classes; k++)
                answer[k] += scale * sums[k];
        }
    }
}

/* ids, offsets, table of idf and columns, starts of segments, groups, weighting; the sums of all models. */
VECTORIZED int64_t pooled_sums(Call *call)
{
    const int32_t *ids = ARRAY(0);
    const int64_t *offsets = ARRAY(1), n_documents = LENGTH(1) - 1, n_rows = LENGTH(2), n_segments = LENGTH(3);
    const int64_t width = WIDTH(2), n_models = LENGTH(4), n_classes = WIDTH(6), *starts = ARRAY(3), *groups = ARRAY(4);
    float *answers = ARRAY(6), logarithms[N_LOGARITHMS];
    REQUIRE(ids_fit(call, 0, (int64_t)INT32_MAX + 1) && offsets_fit(call, 1, LENGTH(0)));
    REQUIRE(n_rows > UNKNOWN && LENGTH(6) == n_documents && WIDTH(4) == n_segments && width % LANES == 0);
    REQUIRE(1 + n_models * n_classes <= width && offsets_fit(call, 3, n_rows) && starts[0] == 0);
    REQUIRE(INTEGER(5) == TFIDF || INTEGER(5) == LOG_TFIDF);
    for (int64_t index = 0; index < n_models * n_segments; index++)
        REQUIRE(-1 <= groups[index] && groups[index] < n_segments);
    Seen seen = new_seen(offsets, n_documents);
    int32_t *distinct = malloc(seen.n_entries * sizeof(int32_t));
    float *counts = malloc(seen.n_entries * sizeof(float));
    Pool pool = {ARRAY(2), width, n_classes, n_models, n_segments, starts, groups,
                 malloc(n_segments * width * sizeof(float)), malloc(n_segments * sizeof(double)),
                 malloc(n_segments * sizeof(double))};
    const bool is_enough = seen.entries && distinct && counts && pool.sums && pool.squares && pool.lengths;
    set_logarithms(logarithms);
    for (int64_t document = 0; is_enough && document < n_documents; document++) {
        const int64_t start = offsets[document], length = offsets[document + 1] - start;
        const int64_t n = count_ids(&seen, ids + start, length, n_rows, UNKNOWN, distinct, counts);
        for (int64_t index = 0; index < n && INTEGER(5) == LOG_TFIDF; index++)
            counts[index] = log_of(logarithms, counts[index]);
        memset(pool.sums, 0, n_segments * width * sizeof(float));
        memset(pool.squares, 0, n_segments * sizeof(double));
        for (int64_t index = 0; index < n;)
            index = width == LANES ? add_segment(&pool, LANES, distinct, counts, index, n)
                                   : add_segment(&pool, width, distinct, counts, index, n);
        add_models(&pool, answers + document * n_classes);
    }
    free(seen.entries);
    free(distinct);
    free(counts);
    free(pool.sums);
    free(pool.squares);
    free(pool.lengths);
    return is_enough ? 0 : OUT_OF_MEMORY;
}
