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

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef float Half __attribute__((vector_size(HALF * sizeof(float))));

INLINE const float *row_of(const Segment *segment, int64_t width, int32_t id)
{
    return segment->rows + (id - segment->first) * width;
}

/* What an id weighs that is there so many times. */
INLINE float weight_of(const Pool *pool, float count, float idf)
{
    return (pool->is_log ? log_of(pool->logarithms, count) : count) * idf;
}

/* Weigh the ids from `start` on that are of one segment, and add up their rows by their weights. Returns where they end. */
INLINE int64_t add_segment(const Pool *pool, Segment *segment, const int64_t width, const int32_t *restrict ids,
                           float *restrict weights, int64_t start, int64_t n)
{
    int64_t end = start;
    double squares[4] = {0}; /* one waits for the other */
#define EACH_ROW(add)                                                                     \
    for (; end < n && segment->first <= ids[end] && ids[end] < segment->behind; end++) {  \
        const float *restrict row = row_of(segment, width, ids[end]);                     \
        const float weight = weights[end] = weight_of(pool, weights[end], row[0]);        \
        squares[(end - start) & 3] += (double)weight * (double)weight;                    \
        add                                                                               \
    }
#define ADD_UP(Vector, lane)                                                \
    {                                                                       \
        Vector total;                                                       \
        memcpy(&total, segment->sums + (lane), sizeof(total));              \
        total += sums;                                                      \
        memcpy(segment->sums + (lane), &total, sizeof(total));              \
    }
    if (width == PAIR) {
        float sums = 0;
        EACH_ROW(sums += weight * row[1];)
        segment->sums[1] += sums;
    } else if (width == HALF) {
        Half sums = {0}, numbers;
        EACH_ROW(memcpy(&numbers, row, sizeof(numbers)); sums += weight * numbers;)
        ADD_UP(Half, 0)
    } else {
        Lanes sums = {0}, numbers;
        EACH_ROW(memcpy(&numbers, row, sizeof(numbers)); sums += weight * numbers;)
        ADD_UP(Lanes, 0)
        for (int64_t lane = LANES; lane < width; lane += LANES) {
            sums = (Lanes){0};
            for (int64_t index = start; index < end; index++) {
                memcpy(&numbers, row_of(segment, width, ids[index]) + lane, sizeof(numbers));
                sums += weights[index] * numbers;
            }
            ADD_UP(Lanes, lane)
        }
    }
    segment->square += (squares[0] + squares[1]) + (squares[2] + squares[3]);
    return end;
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
            lengths[groups[segment]] += pool->segments[segment].square;
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
            const float *restrict sums = pool->segments[segment].sums + pool->segments[segment].column;
            const float scale = (float)(1 / (lengths[groups[segment]] * whole));
            pool->segments[segment].column += pool->n_columns;
            for (int64_t k = 0; k < pool->n_columns; k++)
                answer[k] += scale * sums[k];
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

/* Whether the five arguments from `first` on are a pool that gives so many logits. */
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
    int64_t n_left = is_right ? LENGTH(first) : -1;
    for (int64_t segment = 0; segment < n_segments && n_left >= 0; segment++) {
        const int64_t n = starts[segment + 1] - starts[segment];
        const int64_t width = width_of(groups, n_models, n_segments, segment, n_columns);
        n_left = n == 0 || width <= n_left / n ? n_left - n * width : -1;
    }
    return n_left == 0;
}

/* The pool that they are. Without sums where there is no memory; `free_pool` frees it. */
Pool new_pool(Call *call, int first, int64_t n_classes)
{
    const int64_t n_segments = LENGTH(first + 1) - 1, *starts = ARRAY(first + 1);
    Pool pool = {.n_rows = starts[n_segments], .n_classes = n_classes, .n_columns = INTEGER(first + 3),
                 .n_models = LENGTH(first + 2), .n_segments = n_segments, .is_log = INTEGER(first + 4) == LOG_TFIDF,
                 .groups = ARRAY(first + 2), .segments = malloc(n_segments * sizeof(Segment)),
                 .lengths = malloc(n_segments * sizeof(double))};
    const float *rows = ARRAY(first);
    int64_t width = 0;
    set_logarithms(pool.logarithms);
    if (!pool.segments || !pool.lengths)
        return pool;
    for (int64_t segment = 0; segment < n_segments; segment++) {
        Segment *one = pool.segments + segment;
        *one = (Segment){.first = starts[segment], .behind = starts[segment + 1], .rows = rows};
        one->width = width_of(pool.groups, pool.n_models, n_segments, segment, pool.n_columns);
        rows += (one->behind - one->first) * one->width;
        width += one->width;
    }
    float *sums = pool.sums = malloc(width * sizeof(float));
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
    int32_t *distinct = pool->distinct;
    float *weights = pool->counts;
    const int64_t n = count_ids(&pool->seen, ids, n_ids, pool->n_rows, UNKNOWN, distinct, weights, pool);
    for (int64_t number = 0; number < pool->n_segments; number++) {
        Segment *segment = pool->segments + number;
        memset(segment->sums, 0, segment->width * sizeof(float));
        segment->square = 0;
        segment->column = 1;
    }
    for (int64_t index = 0; index < n;) {
        Segment *segment = segment_of(pool, distinct[index]);
        const int64_t width = segment->width;
        index = width == PAIR    ? add_segment(pool, segment, PAIR, distinct, weights, index, n)
                : width == HALF  ? add_segment(pool, segment, HALF, distinct, weights, index, n)
                : width == LANES ? add_segment(pool, segment, LANES, distinct, weights, index, n)
                                 : add_segment(pool, segment, width, distinct, weights, index, n);
    }
    add_models(pool, answer);
    return true;
}

/* ids, offsets; five of a pool; the sums of all models. */
int64_t pooled_sums(Call *call)
{
    const int32_t *ids = ARRAY(0);
    const int64_t *offsets = ARRAY(1), n_documents = LENGTH(1) - 1;
    float *answers = ARRAY(7);
    REQUIRE(ids_fit(call, 0, (int64_t)INT32_MAX + 1) && offsets_fit(call, 1, LENGTH(0)) && LENGTH(7) == n_documents);
    REQUIRE(pool_fits(call, 2, WIDTH(7)));
    Pool pool = new_pool(call, 2, WIDTH(7));
    bool is_enough = pool.sums;
    for (int64_t document = 0; is_enough && document < n_documents; document++) {
        const int64_t start = offsets[document];
        is_enough = pool_document(&pool, ids + start, offsets[document + 1] - start, answers + document * WIDTH(7));
    }
    free_pool(&pool);
    return is_enough ? 0 : OUT_OF_MEMORY;
}
