/* Classifiers of a label tree: those of one node from its documents, and a beam search through all. label_tree.py says
 * more. */

#include <math.h>

#include "kernels.h"

#define SMALL 1e-3f /* violations below it are not worth a step */
#define LANES 8     /* classifiers are padded to a multiple of it; one that pads learns nothing */
#define BLOCK 32
#define AHEAD 4 /* rows that are asked for beforehand: they are all over a large table */
#define LINE 16 /* numbers that memory gives at a time */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Σ weight · table[id] over n ids, onto `totals` (width). */
INLINE void add_scores(const float *restrict table, int64_t width, const int32_t *restrict ids,
                       const float *restrict weights, int64_t n, float *restrict totals)
{
    int64_t start = 0;
    for (; start + BLOCK <= width; start += BLOCK) {
        float sums[BLOCK];
        memcpy(sums, totals + start, sizeof sums);
        for (int64_t index = 0; index < n; index++) {
            for (int64_t k = 0; start == 0 && index + AHEAD < n && k < width; k += LINE)
                __builtin_prefetch(table + ids[index + AHEAD] * width + k);
            const float *restrict row = table + ids[index] * width + start, weight = weights[index];
            for (int64_t k = 0; k < BLOCK; k++)
                sums[k] += weight * row[k];
        }
        memcpy(totals + start, sums, sizeof sums);
    }
    for (; start < width; start += LANES) {
        float sums[LANES];
        memcpy(sums, totals + start, sizeof sums);
        for (int64_t index = 0; index < n; index++) {
            const float *restrict row = table + ids[index] * width + start, weight = weights[index];
            for (int64_t k = 0; k < LANES; k++)
                sums[k] += weight * row[k];
        }
        memcpy(totals + start, sums, sizeof sums);
    }
}

/* What one node learns from: R documents with ids of its own features, and memory for its classifiers. */
typedef struct {
    int64_t n_documents, n_features, width;
    int64_t *offsets;          /* (R + 1) */
    int32_t *ids;              /* (T), of its features */
    float *weights, *inverses; /* (T); (R), 1 / (‖x‖² + 1 + slack) */
    float *table, *duals;      /* (F, width), (R, width) */
    float *scratch;            /* (4, width): bias, scores, signs, steps */
    int32_t *order, *changed;  /* (R), (width) */
} Problem;

static void free_problem(Problem *problem)
{
    free(problem->offsets);
    free(problem->ids);
    free(problem->weights);
    free(problem->inverses);
    free(problem->table);
    free(problem->duals);
    free(problem->scratch);
    free(problem->order);
    free(problem->changed);
}

/* The documents of a node; `numbers` (V), all 0, gets the number + 1 of each feature that they have. */
static bool make_problem(Problem *problem, const Call *call, int32_t *numbers)
{
    const int32_t *ids = ARRAY(0);
    const int64_t *offsets = ARRAY(1), *rows = ARRAY(3), n_documents = LENGTH(3), n_children = INTEGER(8);
    const float *weights = ARRAY(2), *slacks = ARRAY(6);
    int64_t n = 0, n_features = 0;
    for (int64_t row = 0; row < n_documents; row++)
        n += offsets[rows[row] + 1] - offsets[rows[row]];
    const int64_t width = (n_children + LANES - 1) / LANES * LANES;
    *problem = (Problem){.n_documents = n_documents, .width = width};
    problem->offsets = malloc((n_documents + 1) * sizeof(int64_t));
    problem->ids = malloc((n + 1) * sizeof(int32_t));
    problem->weights = malloc((n + 1) * sizeof(float));
    problem->inverses = malloc((n_documents + 1) * sizeof(float));
    problem->duals = calloc(n_documents * width + 1, sizeof(float));
    problem->scratch = calloc(4 * width, sizeof(float));
    problem->order = malloc((n_documents + 1) * sizeof(int32_t));
    problem->changed = malloc(width * sizeof(int32_t));
    if (!problem->offsets || !problem->ids || !problem->weights || !problem->inverses || !problem->duals ||
        !problem->scratch || !problem->order || !problem->changed)
        return false;
    n = 0;
    for (int64_t row = 0; row < n_documents; row++) {
        problem->offsets[row] = n;
        problem->order[row] = (int32_t)row;
        double square = 1;
        for (int64_t index = offsets[rows[row]]; index < offsets[rows[row] + 1]; index++) {
            if (weights[index] == 0)
                continue;
            if (numbers[ids[index]] == 0)
                numbers[ids[index]] = (int32_t)++n_features;
            problem->ids[n] = numbers[ids[index]] - 1;
            problem->weights[n++] = weights[index];
            square += (double)weights[index] * (double)weights[index];
        }
        problem->inverses[row] = (float)(1 / (square + (double)slacks[row]));
    }
    problem->offsets[n_documents] = n;
    problem->n_features = n_features;
    problem->table = calloc(n_features * width + 1, sizeof(float));
    return problem->table != NULL;
}

/* One document: a step of each classifier that it violates. Returns the largest violation. */
INLINE float improve(Problem *problem, int64_t row, float slack, const int32_t *restrict children, int64_t n_positive)
{
    const int64_t width = problem->width, start = problem->offsets[row], n = problem->offsets[row + 1] - start;
    const int32_t *restrict ids = problem->ids + start;
    const float *restrict weights = problem->weights + start, inverse = problem->inverses[row];
    float *restrict bias = problem->scratch, *restrict scores = bias + width, *restrict signs = scores + width;
    float *restrict steps = signs + width, *restrict duals = problem->duals + row * width, worst = 0;
    memcpy(scores, bias, width * sizeof(float));
    add_scores(problem->table, width, ids, weights, n, scores);
    for (int64_t index = 0; index < n_positive; index++)
        signs[children[index]] = 1;
    for (int64_t k = 0; k < width; k++) {
        const float dual = duals[k], gradient = signs[k] * scores[k] - 1.0f + slack * dual;
        float new = dual - gradient * inverse;
        new = new > 0 ? new : 0;
        steps[k] = fabsf(gradient) > SMALL ? new - dual : 0;
        duals[k] = fabsf(gradient) > SMALL ? new : dual;
        scores[k] = fabsf(gradient);
        steps[k] *= signs[k];
    }
    int64_t n_changed = 0;
    for (int64_t k = 0; k < width; k++) {
        if (steps[k] != 0) {
            problem->changed[n_changed++] = (int32_t)k;
            worst = scores[k] > worst ? scores[k] : worst;
        }
    }
    for (int64_t index = 0; index < n_positive; index++)
        signs[children[index]] = -1;
    if (4 * n_changed > width) {
        for (int64_t index = 0; index < n; index++) {
            float *restrict of_feature = problem->table + ids[index] * width;
            for (int64_t k = 0; k < width; k++)
                of_feature[k] += weights[index] * steps[k];
        }
    } else {
        for (int64_t index = 0; index < n; index++) {
            float *restrict of_feature = problem->table + ids[index] * width;
            for (int64_t j = 0; j < n_changed; j++)
                of_feature[problem->changed[j]] += weights[index] * steps[problem->changed[j]];
        }
    }
    for (int64_t j = 0; j < n_changed; j++)
        bias[problem->changed[j]] += steps[problem->changed[j]];
    return worst;
}

/* What is left of the classifiers when weights of at most `threshold` are cut off: features, ascending, how many weights
 * each has, and their classifiers and numbers. */
static bool keep_large(Call *call, const Problem *problem, const int32_t *numbers, float threshold)
{
    const int64_t n_rows = INTEGER(7), n_children = INTEGER(8), width = problem->width;
    int64_t n_weights = 0, n_features = 0;
    for (int64_t index = 0; index < problem->n_features * width; index++)
        n_weights += fabsf(problem->table[index]) > threshold;
    int32_t *features = malloc((problem->n_features + 1) * sizeof(int32_t));
    int32_t *lengths = malloc((problem->n_features + 1) * sizeof(int32_t));
    int32_t *columns = malloc((n_weights + 1) * sizeof(int32_t));
    float *values = malloc((n_weights + 1) * sizeof(float));
    n_weights = 0;
    for (int64_t row = 0; features && lengths && columns && values && row < n_rows; row++) {
        const float *weights = problem->table + (numbers[row] - (int64_t)1) * width;
        const int64_t before = n_weights;
        for (int64_t k = 0; numbers[row] && k < n_children; k++) {
            if (fabsf(weights[k]) > threshold) {
                columns[n_weights] = (int32_t)k;
                values[n_weights++] = weights[k];
            }
        }
        if (n_weights > before) {
            features[n_features] = (int32_t)row;
            lengths[n_features++] = (int32_t)(n_weights - before);
        }
    }
    call->results[0] = (Result){features, n_features * sizeof(int32_t)};
    call->results[1] = (Result){lengths, n_features * sizeof(int32_t)};
    call->results[2] = (Result){columns, n_weights * sizeof(int32_t)};
    call->results[3] = (Result){values, n_weights * sizeof(float)};
    return features && lengths && columns && values;
}

/* ids, offsets, weights of bags; rows; children of each, offsets; slacks; V, number of children, passes, tolerance,
 * threshold, seed; bias. Returns the number of passes. */
VECTORIZED int64_t train_node(Call *call)
{
    const int64_t *child_offsets = ARRAY(5), n_documents = LENGTH(3), n_children = INTEGER(8);
    const int32_t *children = ARRAY(4);
    const float *slacks = ARRAY(6), tolerance = (float)REAL(10);
    REQUIRE(INTEGER(7) >= 0 && INTEGER(7) < INT32_MAX && ids_fit(call, 0, INTEGER(7)) && offsets_fit(call, 1, LENGTH(0)));
    REQUIRE(LENGTH(2) == LENGTH(0) && indices_fit(call, 3, LENGTH(1) - 1) && n_documents < INT32_MAX);
    REQUIRE(n_children > 0 && n_children == LENGTH(13) && ids_fit(call, 4, n_children));
    REQUIRE(offsets_fit(call, 5, LENGTH(4)) && LENGTH(5) == n_documents + 1 && LENGTH(6) == n_documents);
    int32_t *numbers = calloc(INTEGER(7) + 1, sizeof(int32_t));
    Problem problem = {0};
    bool is_enough = numbers != NULL && make_problem(&problem, call, numbers);
    uint64_t random = (uint64_t)INTEGER(12) * 0x9E3779B97F4A7C15u | 1;
    int64_t n_passes = 0;
    for (int64_t k = 0; is_enough && k < problem.width; k++)
        problem.scratch[2 * problem.width + k] = -1;
    for (float worst = tolerance; is_enough && n_passes < INTEGER(9) && worst >= tolerance; n_passes++) {
        worst = 0;
        for (int64_t left = n_documents; left > 0; left--) {
            const int64_t drawn = (int64_t)(next_random(&random) % (uint64_t)left);
            const int32_t row = problem.order[drawn];
            problem.order[drawn] = problem.order[left - 1];
            problem.order[left - 1] = row;
            const int64_t start = child_offsets[row];
            const float found = improve(&problem, row, slacks[row], children + start, child_offsets[row + 1] - start);
            worst = found > worst ? found : worst;
        }
    }
    if (is_enough) {
        memcpy(ARRAY(13), problem.scratch, n_children * sizeof(float));
        is_enough = keep_large(call, &problem, numbers, (float)REAL(11));
    }
    free_problem(&problem);
    free(numbers);
    return is_enough ? n_passes : OUT_OF_MEMORY;
}

/* A label or a node with its score; the higher is the better, of equals the lower id. */
typedef struct {
    float score;
    int32_t id;
} Ranked;

/* The best `most` of those that it was given, a heap whose top is the worst. */
typedef struct {
    Ranked *heap;
    int64_t n, most;
} Best;

INLINE bool is_worse(Ranked a, Ranked b) { return a.score < b.score || (a.score == b.score && a.id > b.id); }

/* Let `one` sink from the top of a heap of n, whose top is the worst. */
static void sink(Ranked *heap, int64_t n, Ranked one)
{
    int64_t at = 0;
    for (int64_t child = 1; child < n; child = 2 * at + 1) {
        child += child + 1 < n && is_worse(heap[child + 1], heap[child]);
        if (!is_worse(heap[child], one))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = one;
}

static void push(Best *best, Ranked one)
{
    Ranked *heap = best->heap;
    if (best->n == best->most) {
        if (is_worse(heap[0], one))
            sink(heap, best->n, one);
        return;
    }
    int64_t at = best->n++;
    for (; at > 0 && is_worse(one, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = one;
}

/* A tree as the arguments from `first` on say: offsets of children, children, bias, offsets of features, features, offsets
 * of entries, columns, values; V and K. A child below K is a label, others are nodes, K more than their number. */
typedef struct {
    const int64_t *child_offsets, *feature_offsets, *entry_offsets;
    const int32_t *children, *features, *columns;
    const float *bias, *values;
    int64_t n_nodes, n_children, n_features, n_entries, n_rows, n_labels;
    double scale; /* of the scores of classifiers */
    float decay;  /* of the score of the node above */
} Tree;

typedef struct {
    int32_t document, node;
    float score;
} Visit;

/* Whether the slices of a node are within the arrays that they are of. */
INLINE bool node_fits(const Tree *tree, int64_t node)
{
    const int64_t *of_children = tree->child_offsets + node, *of_features = tree->feature_offsets + node;
    return 0 <= of_children[0] && of_children[0] <= of_children[1] && of_children[1] <= tree->n_children &&
           0 <= of_features[0] && of_features[0] <= of_features[1] && of_features[1] <= tree->n_features;
}

/* Where a node has a feature, or -1: by search in its features, which ascend. */
INLINE int64_t found_at(const Tree *tree, int64_t start, int64_t end, int32_t id)
{
    while (start < end) {
        const int64_t middle = start + (end - start) / 2;
        if (tree->features[middle] < id)
            start = middle + 1;
        else
            end = middle;
    }
    return start < tree->n_features && tree->features[start] == id ? start : -1;
}

/* Score the children of a node for one document; `places` (V), where it is given, has 1 + the place of each feature. */
INLINE bool score_children(const Tree *tree, int64_t node, const int32_t *restrict ids, const float *restrict weights,
                           int64_t n, const int32_t *restrict places, float *restrict scores)
{
    const int64_t first = tree->child_offsets[node], n_children = tree->child_offsets[node + 1] - first;
    const int64_t start = tree->feature_offsets[node], end = tree->feature_offsets[node + 1];
    memcpy(scores, tree->bias + first, n_children * sizeof(float));
    for (int64_t index = 0; index < n; index++) {
        const int64_t place = places ? places[ids[index]] - 1 + start : found_at(tree, start, end, ids[index]);
        if (place < start || place >= end)
            continue;
        const int64_t from = tree->entry_offsets[place], to = tree->entry_offsets[place + 1];
        if (from < 0 || to > tree->n_entries)
            return false;
        const float weight = weights[index];
        for (int64_t entry = from; entry < to; entry++) {
            if ((uint32_t)tree->columns[entry] >= (uint64_t)n_children)
                return false;
            scores[tree->columns[entry]] += weight * tree->values[entry];
        }
    }
    return true;
}

/* The visits of one level in the order of their nodes: `order` (n), with `starts` (M + 1). */
static void sort_by_node(const Visit *visits, int64_t n, int64_t n_nodes, int64_t *starts, int64_t *order)
{
    memset(starts, 0, (n_nodes + 1) * sizeof(int64_t));
    for (int64_t visit = 0; visit < n; visit++)
        starts[visits[visit].node + 1]++;
    for (int64_t node = 0; node < n_nodes; node++)
        starts[node + 1] += starts[node];
    for (int64_t visit = n - 1; visit >= 0; visit--)
        order[--starts[visits[visit].node + 1]] = visit;
    memmove(starts, starts + 1, n_nodes * sizeof(int64_t));
    starts[n_nodes] = n;
}

/* Score the children of the nodes of all visits, (n, widest), node by node. */
INLINE bool score_visits(const Call *call, const Tree *tree, const Visit *visits, const int64_t *starts,
                         const int64_t *order, int64_t widest, int32_t *places, float *scores)
{
    const int32_t *ids = ARRAY(0);
    const int64_t *offsets = ARRAY(1);
    const float *weights = ARRAY(2);
    bool is_right = true;
    for (int64_t node = 0; is_right && node < tree->n_nodes; node++) {
        if (starts[node] == starts[node + 1])
            continue;
        const int64_t first = tree->feature_offsets[node], n_features = tree->feature_offsets[node + 1] - first;
        int64_t n_ids = 0;
        for (int64_t at = starts[node]; at < starts[node + 1]; at++)
            n_ids += offsets[visits[order[at]].document + 1] - offsets[visits[order[at]].document];
        const bool is_spread = n_ids > n_features / 2;
        for (int64_t index = 0; is_spread && is_right && index < n_features; index++) {
            is_right = (uint32_t)tree->features[first + index] < (uint64_t)tree->n_rows;
            if (is_right)
                places[tree->features[first + index]] = (int32_t)(index + 1);
        }
        for (int64_t at = starts[node]; is_right && at < starts[node + 1]; at++) {
            const int64_t document = visits[order[at]].document, start = offsets[document];
            is_right = score_children(tree, node, ids + start, weights + start, offsets[document + 1] - start,
                                      is_spread ? places : NULL, scores + order[at] * widest);
        }
        for (int64_t index = 0; is_spread && is_right && index < n_features; index++)
            places[tree->features[first + index]] = 0;
    }
    return is_right;
}

/* The logarithm of the sigmoid of a score that is scaled. */
INLINE float log_sigmoid(double scaled) { return (float)(scaled < 0 ? scaled - log1p(exp(scaled)) : -log1p(exp(-scaled))); }

/* Of the children of the visits of one document, keep the best labels and, to be visited next, the best nodes. */
static bool keep_best(const Tree *tree, const Visit *visits, int64_t n, const float *scores, int64_t widest, Best *labels,
                      Best *beam)
{
    for (int64_t visit = 0; visit < n; visit++) {
        const int64_t node = visits[visit].node, first = tree->child_offsets[node];
        const float above = tree->decay * visits[visit].score, *own = scores + visit * widest;
        for (int64_t index = first; index < tree->child_offsets[node + 1]; index++) {
            const int64_t child = tree->children[index], next = child - tree->n_labels;
            const float score = above + log_sigmoid(tree->scale * (double)own[index - first]);
            if (0 <= child && next < 0)
                push(labels, (Ranked){score, (int32_t)child});
            else if (node < next && next < tree->n_nodes)
                push(beam, (Ranked){score, (int32_t)next});
            else
                return false;
        }
    }
    return true;
}

/* Bags: ids, offsets, weights; a tree; V, K, the width of the beam, scale and decay of scores; labels (N, m), their scores. */
VECTORIZED int64_t search_tree(Call *call)
{
    const Tree tree = {
        .child_offsets = ARRAY(3), .children = ARRAY(4), .bias = ARRAY(5), .feature_offsets = ARRAY(6), .features = ARRAY(7),
        .entry_offsets = ARRAY(8), .columns = ARRAY(9), .values = ARRAY(10), .n_nodes = LENGTH(3) - 1,
        .n_children = LENGTH(4), .n_features = LENGTH(7), .n_entries = LENGTH(9), .n_rows = INTEGER(11),
        .n_labels = INTEGER(12), .scale = REAL(14), .decay = (float)REAL(15),
    };
    const int64_t n_documents = LENGTH(1) - 1, width = INTEGER(13), most = WIDTH(16);
    int32_t *labels = ARRAY(16);
    float *scores_of_labels = ARRAY(17);
    REQUIRE(tree.n_rows >= 0 && tree.n_rows < INT32_MAX && ids_fit(call, 0, tree.n_rows) && LENGTH(2) == LENGTH(0));
    REQUIRE(offsets_fit(call, 1, LENGTH(0)) && n_documents < INT32_MAX && LENGTH(16) == n_documents && most > 0);
    REQUIRE(LENGTH(17) == n_documents && WIDTH(17) == most && 0 < width && width < INT32_MAX && tree.n_nodes > 0);
    REQUIRE(LENGTH(5) == tree.n_children && LENGTH(6) == LENGTH(3) && LENGTH(8) == tree.n_features + 1);
    REQUIRE(LENGTH(10) == tree.n_entries && tree.n_labels >= 0 && tree.n_labels + tree.n_nodes < INT32_MAX);
    int64_t widest = 1, n_visits = n_documents;
    for (int64_t node = 0; node < tree.n_nodes; node++) {
        REQUIRE(node_fits(&tree, node));
        const int64_t n = tree.child_offsets[node + 1] - tree.child_offsets[node];
        widest = n > widest ? n : widest;
    }
    const int64_t beam_width = width < tree.n_nodes ? width : tree.n_nodes, most_visits = n_documents * beam_width + 1;
    Ranked *heaps = malloc((n_documents * most + 1) * sizeof(Ranked)), *beam = malloc(beam_width * sizeof(Ranked));
    int64_t *n_best = calloc(n_documents + 1, sizeof(int64_t)), *order = malloc(most_visits * sizeof(int64_t));
    int64_t *starts = malloc((tree.n_nodes + 1) * sizeof(int64_t));
    Visit *visits = malloc(most_visits * sizeof(Visit)), *next = malloc(most_visits * sizeof(Visit));
    int32_t *places = calloc(tree.n_rows + 1, sizeof(int32_t));
    bool is_enough = heaps && beam && n_best && order && starts && visits && next && places, is_right = true;
    for (int32_t document = 0; is_enough && document < n_documents; document++)
        visits[document] = (Visit){document, 0, 0};
    while (is_enough && is_right && n_visits > 0) {
        float *scores = malloc(n_visits * widest * sizeof(float));
        is_enough = scores != NULL;
        if (!is_enough)
            break;
        sort_by_node(visits, n_visits, tree.n_nodes, starts, order);
        is_right = score_visits(call, &tree, visits, starts, order, widest, places, scores);
        int64_t n_next = 0;
        for (int64_t first = 0, end = 0; is_right && first < n_visits; first = end) {
            const int32_t document = visits[first].document;
            while (end < n_visits && visits[end].document == document)
                end++;
            Best best = {heaps + document * most, n_best[document], most}, below = {beam, 0, beam_width};
            is_right = keep_best(&tree, visits + first, end - first, scores + first * widest, widest, &best, &below);
            n_best[document] = best.n;
            for (int64_t at = 0; is_right && at < below.n && n_next < most_visits; at++)
                next[n_next++] = (Visit){document, beam[at].id, beam[at].score};
        }
        free(scores);
        Visit *before = visits;
        visits = next, next = before, n_visits = n_next;
    }
    for (int64_t document = 0; is_enough && is_right && document < n_documents; document++) {
        Ranked *heap = heaps + document * most;
        for (int64_t at = most - 1; at >= 0; at--) { /* the worst comes off first */
            const bool is_there = at < n_best[document];
            labels[document * most + at] = is_there ? heap[0].id : -1;
            scores_of_labels[document * most + at] = is_there ? heap[0].score : -INFINITY;
            if (is_there)
                sink(heap, at, heap[at]);
        }
    }
    free(heaps), free(beam), free(n_best), free(order), free(starts), free(visits), free(next), free(places);
    REQUIRE(is_right);
    return is_enough ? 0 : OUT_OF_MEMORY;
}
