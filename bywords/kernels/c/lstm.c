/* The steps of an LSTM, forward and backward. The wrappers in lstm.py say more. */

#include "kernels.h"

/* A product and a sum may be one instruction, and a comparison no jump. */
#pragma GCC optimize("fp-contract=fast", "no-trapping-math")

#define PANEL 16 /* columns that lie together */
#define TILE 4   /* rows of one panel or panels of one row that are computed together, all sums in registers */
#define LANES 8
#define MOST_WAITING 128
#define N_VECTORS (PANEL / LANES)
typedef float Vector __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

/* Within 4e-7 of the hyperbolic tangent. Source: `ptanh_float` of the C++ library Eigen. */
INLINE float tanh_of(float x)
{
    const float limit = 7.90531f; /* at or above it is 1 */
    x = x > limit ? limit : x;
    x = x < -limit ? -limit : x;
    const float square = x * x;
    float above = -2.76076847742355e-16f;
    above = above * square + 2.00018790482477e-13f;
    above = above * square + -8.60467152213735e-11f;
    above = above * square + 5.12229709037114e-08f;
    above = above * square + 1.48572235717979e-05f;
    above = above * square + 6.37261928875436e-04f;
    above = above * square + 4.89352455891786e-03f;
    float below = 1.19825839466702e-06f;
    below = below * square + 1.18534705686654e-04f;
    below = below * square + 2.26843463243900e-03f;
    below = below * square + 4.89352518554385e-03f;
    return x * above / below;
}

/* A matrix (K, M), `step` from row to row and `stride` from column to column, as panels: (M / PANEL, K, PANEL). Columns
 * that the last ones lack are left as they are. */
INLINE void pack(const float *restrict matrix, int64_t step, int64_t stride, int64_t n_rows, int64_t n_columns,
                 float *restrict panels)
{
    for (int64_t first = 0; first < n_columns; first += PANEL) {
        const int64_t width = n_columns - first < PANEL ? n_columns - first : PANEL;
        for (int64_t k = 0; k < n_rows; k++, panels += PANEL)
            for (int64_t j = 0; j < width; j++)
                panels[j] = matrix[k * step + (first + j) * stride];
    }
}

/* Zeros, for a multiple of TILE panels. */
static float *room_for_panels(int64_t n_rows, int64_t n_columns)
{
    const int64_t n_tiles = (n_columns + TILE * PANEL - 1) / (TILE * PANEL);
    return calloc(n_tiles * TILE * PANEL * n_rows + 1, sizeof(float));
}

/* A product of a matrix (n, K), with steps from row to row and from term to term, and one (K, M) in panels. */
typedef struct {
    const float *left;
    int64_t row_step, term_step, n_rows, n_terms;
    const float *panels;
    int64_t n_columns;
} Product;

/* Adds a product of some rows and panels to `total`. The terms of a sum are added in their order, in any shape. */
INLINE void add_tile(const int n_rows, const int n_panels, const float *const *rows, int64_t term_step,
                     int64_t n_terms, const float *panels, float *total, int64_t total_step)
{
    Vector sums[TILE][TILE * N_VECTORS];
    for (int i = 0; i < n_rows; i++)
        for (int v = 0; v < n_panels * N_VECTORS; v++)
            sums[i][v] = *(const Vector *)(total + i * total_step + v * LANES);
    for (int64_t k = 0; k < n_terms; k++)
        for (int v = 0; v < n_panels * N_VECTORS; v++) {
            const int64_t index = (v / N_VECTORS * n_terms + k) * PANEL + v % N_VECTORS * LANES;
            const Vector right = *(const Vector *)(panels + index);
            for (int i = 0; i < n_rows; i++)
                sums[i][v] += rows[i][k * term_step] * right;
        }
    for (int i = 0; i < n_rows; i++)
        for (int v = 0; v < n_panels * N_VECTORS; v++)
            *(Vector *)(total + i * total_step + v * LANES) = sums[i][v];
}

/* The tile of `add_product` from row i and column `first`, cut off where the rows or the columns end. */
INLINE void add_cut_tile(const int n_rows, const Product *product, int64_t i, int64_t first, float *total)
{
    const int n_panels = TILE / n_rows, most = n_panels * PANEL;
    const int64_t n_columns = product->n_columns, width = n_columns - first < most ? n_columns - first : most;
    const int64_t height = product->n_rows - i < n_rows ? product->n_rows - i : n_rows;
    const bool is_cut = width < most || height < n_rows;
    const float *rows[TILE];
    for (int row = 0; row < n_rows; row++)
        rows[row] = product->left + (i + (row < height ? row : 0)) * product->row_step;
    float whole[TILE * PANEL] = {0}, *of_tile = is_cut ? whole : total + i * n_columns + first;
    for (int64_t row = 0; is_cut && row < height; row++)
        memcpy(whole + row * most, total + (i + row) * n_columns + first, width * sizeof(float));
    add_tile(n_rows, n_panels, rows, product->term_step, product->n_terms,
             product->panels + first * product->n_terms, of_tile, is_cut ? most : n_columns);
    for (int64_t row = 0; is_cut && row < height; row++)
        memcpy(total + (i + row) * n_columns + first, whole + row * most, width * sizeof(float));
}

/* `total` (n, M) += the product; what is left of n rows after tiles takes a tile too, or panels side by side. */
VECTORIZED static void add_product(Product product, float *total)
{
    const int64_t n_columns = product.n_columns, rest = product.n_rows % TILE;
    const int64_t in_tiles = rest == 1 ? product.n_rows - 1 : product.n_rows;
    for (int64_t first = 0; first < n_columns; first += PANEL)
        for (int64_t i = 0; i < in_tiles; i += TILE)
            add_cut_tile(TILE, &product, i, first, total);
    for (int64_t first = 0; in_tiles < product.n_rows && first < n_columns; first += TILE * PANEL)
        add_cut_tile(1, &product, in_tiles, first, total);
}

/* Gates before their activation → after it, and the cell and the state of a row; `cell_before` may be NULL. */
INLINE void activate(float *restrict gates, const float *restrict cell_before, float *restrict cell,
                     float *restrict state, int64_t n_hidden)
{
    float *restrict candidate = gates + 3 * n_hidden;
    for (int64_t j = 0; j < 3 * n_hidden; j++)
        gates[j] = 0.5f * tanh_of(0.5f * gates[j]) + 0.5f; /* the logistic function */
    for (int64_t j = 0; j < n_hidden; j++) {
        candidate[j] = tanh_of(candidate[j]);
        cell[j] = gates[j] * candidate[j];
    }
    if (cell_before != NULL)
        for (int64_t j = 0; j < n_hidden; j++)
            cell[j] += gates[n_hidden + j] * cell_before[j];
    for (int64_t j = 0; j < n_hidden; j++)
        state[j] = gates[2 * n_hidden + j] * tanh_of(cell[j]);
}

/* Whether the rows of the steps are `n_rows` or fewer, and no more in a step than in the one before. */
static bool sizes_fit(const Call *call, int sizes, int64_t n_rows)
{
    const int64_t *at = ARRAY(sizes);
    int64_t total = 0;
    for (int64_t step = 0; step < LENGTH(sizes); total += at[step++])
        if (at[step] < 0 || at[step] > n_rows - total || (step && at[step] > at[step - 1]))
            return false;
    return true;
}

INLINE bool has_shape(const Call *call, int array, int64_t length, int64_t width)
{
    return LENGTH(array) == length && (WIDTH(array) == width || !length);
}

VECTORIZED int64_t run_forward(Call *call)
{
    const int64_t *sizes = ARRAY(0);
    const float *inputs = ARRAY(1), *from_input = ARRAY(2), *from_state = ARRAY(3), *bias = ARRAY(4);
    float *gates = ARRAY(5), *cells = ARRAY(6), *states = ARRAY(7);
    const int64_t n_steps = LENGTH(0), n_in = WIDTH(1), n_gates = WIDTH(5), n_hidden = WIDTH(7);
    const int64_t n_rows = LENGTH(1);
    REQUIRE(sizes_fit(call, 0, n_rows) && n_gates == 4 * n_hidden && has_shape(call, 2, n_in, n_gates));
    REQUIRE(has_shape(call, 3, n_hidden, n_gates) && LENGTH(4) * WIDTH(4) == n_gates);
    REQUIRE(LENGTH(5) == n_rows && LENGTH(6) == n_rows && WIDTH(6) == n_hidden && LENGTH(7) == n_rows);
    float *input_panels = room_for_panels(n_in, n_gates), *state_panels = room_for_panels(n_hidden, n_gates);
    const bool has_room = input_panels != NULL && state_panels != NULL;
    if (has_room) {
        pack(from_input, n_gates, 1, n_in, n_gates, input_panels);
        pack(from_state, n_gates, 1, n_hidden, n_gates, state_panels);
    }
    for (int64_t step = 0, start = 0, before = 0; has_room && step < n_steps; step++) {
        const int64_t size = sizes[step];
        float *of_step = gates + start * n_gates;
        for (int64_t i = 0; i < size; i++)
            memcpy(of_step + i * n_gates, bias, n_gates * sizeof(float));
        add_product((Product){inputs + start * n_in, n_in, 1, size, n_in, input_panels, n_gates}, of_step);
        if (step > 0)
            add_product((Product){states + before * n_hidden, n_hidden, 1, size, n_hidden, state_panels, n_gates}, of_step);
        for (int64_t i = 0; i < size; i++)
            activate(of_step + i * n_gates, step > 0 ? cells + (before + i) * n_hidden : NULL,
                     cells + (start + i) * n_hidden, states + (start + i) * n_hidden, n_hidden);
        before = start;
        start += size;
    }
    free(input_panels);
    free(state_panels);
    return has_room ? 0 : OUT_OF_MEMORY;
}

/* The gradients of a row's gates before their activation and of its cell, which becomes that of the cell before. */
INLINE void differentiate(const float *restrict gates, const float *restrict cell_before, const float *restrict cell,
                          const float *restrict of_state, float *restrict of_gates, float *restrict of_cell,
                          int64_t n_hidden)
{
    const float *restrict keep = gates + n_hidden, *restrict let_out = gates + 2 * n_hidden;
    const float *restrict candidate = gates + 3 * n_hidden;
    for (int64_t j = 0; j < n_hidden; j++) {
        const float squashed = tanh_of(cell[j]);
        of_gates[2 * n_hidden + j] = of_state[j] * squashed * let_out[j] * (1.0f - let_out[j]);
        of_cell[j] += of_state[j] * let_out[j] * (1.0f - squashed * squashed);
    }
    for (int64_t j = 0; j < n_hidden; j++) {
        of_gates[j] = of_cell[j] * candidate[j] * gates[j] * (1.0f - gates[j]);
        of_gates[3 * n_hidden + j] = of_cell[j] * gates[j] * (1.0f - candidate[j] * candidate[j]);
    }
    if (cell_before == NULL) {
        memset(of_gates + n_hidden, 0, n_hidden * sizeof(float));
        return;
    }
    for (int64_t j = 0; j < n_hidden; j++) {
        of_gates[n_hidden + j] = of_cell[j] * cell_before[j] * keep[j] * (1.0f - keep[j]);
        of_cell[j] *= keep[j];
    }
}

/* What the backward pass holds; N documents in the first step. The rows of several steps, `n_rows` of `most`, wait until
 * they become gradients of the weights: a product of few terms would spend its time on the total. */
typedef struct {
    float *of_cells;                                  /* (N, H), 0 until the last step of a document */
    float *of_gates, *gate_panels, *inputs, *states;  /* (most, …): the gates, and what they were made of */
    float *to_input, *to_state;                       /* the weights, transposed, in panels */
    int64_t n_rows, most;
} Room;

static bool open_room(Room *room, int64_t n_documents, int64_t n_in, int64_t n_hidden)
{
    room->n_rows = 0;
    room->most = n_documents > MOST_WAITING ? n_documents : MOST_WAITING;
    room->of_cells = calloc(n_documents * n_hidden + 1, sizeof(float));
    room->of_gates = malloc(room->most * 4 * n_hidden * sizeof(float) + 1);
    room->gate_panels = room_for_panels(room->most, 4 * n_hidden);
    room->inputs = malloc(room->most * n_in * sizeof(float) + 1);
    room->states = malloc(room->most * n_hidden * sizeof(float) + 1);
    room->to_input = room_for_panels(4 * n_hidden, n_in);
    room->to_state = room_for_panels(4 * n_hidden, n_hidden);
    return room->of_cells && room->of_gates && room->gate_panels && room->inputs && room->states && room->to_input &&
           room->to_state;
}

static void close_room(Room *room)
{
    float *all[] = {room->of_cells, room->of_gates, room->gate_panels, room->inputs,
                    room->states,   room->to_input, room->to_state};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
}

/* The rows that wait become gradients of the weights; those of the first step have no state before, and are alone. */
static void add_rows_that_wait(Room *room, int64_t n_in, int64_t n_hidden, float *of_from_input, float *of_from_state)
{
    const int64_t n_rows = room->n_rows, n_gates = 4 * n_hidden;
    pack(room->of_gates, n_gates, 1, n_rows, n_gates, room->gate_panels);
    add_product((Product){room->inputs, 1, n_in, n_in, n_rows, room->gate_panels, n_gates}, of_from_input);
    if (of_from_state != NULL)
        add_product((Product){room->states, 1, n_hidden, n_hidden, n_rows, room->gate_panels, n_gates}, of_from_state);
    room->n_rows = 0;
}

VECTORIZED int64_t run_backward(Call *call)
{
    const int64_t *sizes = ARRAY(0);
    const float *inputs = ARRAY(1), *from_input = ARRAY(2), *from_state = ARRAY(3);
    const float *gates = ARRAY(4), *cells = ARRAY(5), *states = ARRAY(6);
    float *of_states = ARRAY(7), *of_inputs = ARRAY(8);
    float *of_from_input = ARRAY(9), *of_from_state = ARRAY(10), *restrict of_bias = ARRAY(11);
    const int64_t n_steps = LENGTH(0), n_in = WIDTH(1), n = WIDTH(5), n_gates = 4 * n; /* n is H */
    const int64_t n_rows = LENGTH(1);
    REQUIRE(sizes_fit(call, 0, n_rows) && has_shape(call, 2, n_in, n_gates) && has_shape(call, 3, n, n_gates));
    REQUIRE(has_shape(call, 4, n_rows, n_gates) && LENGTH(5) == n_rows && has_shape(call, 6, n_rows, n));
    REQUIRE(has_shape(call, 7, n_rows, n) && (LENGTH(8) == 0 || has_shape(call, 8, n_rows, n_in)));
    REQUIRE(has_shape(call, 9, n_in, n_gates) && has_shape(call, 10, n, n_gates) && LENGTH(11) * WIDTH(11) == n_gates);
    Room room;
    const bool has_room = open_room(&room, n_steps ? sizes[0] : 0, n_in, n);
    if (has_room) {
        pack(from_input, 1, n_gates, n_gates, n_in, room.to_input);
        pack(from_state, 1, n_gates, n_gates, n, room.to_state);
    }
    for (int64_t step = n_steps - 1, start = LENGTH(5); has_room && step >= 0; step--) {
        const int64_t size = sizes[step], before = step > 0 ? start - size - sizes[step - 1] : 0;
        start -= size;
        if (step == 0 || room.n_rows + size > room.most)
            add_rows_that_wait(&room, n_in, n, of_from_input, of_from_state);
        float *of_step = room.of_gates + room.n_rows * n_gates;
        for (int64_t i = 0; i < size; i++) {
            float *restrict of_row = of_step + i * n_gates;
            differentiate(gates + (start + i) * n_gates, step > 0 ? cells + (before + i) * n : NULL,
                          cells + (start + i) * n, of_states + (start + i) * n, of_row, room.of_cells + i * n, n);
            for (int64_t j = 0; j < n_gates; j++)
                of_bias[j] += of_row[j];
        }
        memcpy(room.inputs + room.n_rows * n_in, inputs + start * n_in, size * n_in * sizeof(float));
        if (LENGTH(8) > 0)
            add_product((Product){of_step, n_gates, 1, size, n_gates, room.to_input, n_in}, of_inputs + start * n_in);
        if (step > 0) {
            memcpy(room.states + room.n_rows * n, states + before * n, size * n * sizeof(float));
            add_product((Product){of_step, n_gates, 1, size, n_gates, room.to_state, n}, of_states + before * n);
        }
        room.n_rows += size;
    }
    if (has_room)
        add_rows_that_wait(&room, n_in, n, of_from_input, NULL);
    close_room(&room);
    return has_room ? 0 : OUT_OF_MEMORY;
}

VECTORIZED int64_t rows_of_maxima(Call *call)
{
    const float *states = ARRAY(0);
    const int64_t *sizes = ARRAY(1);
    REQUIRE(sizes_fit(call, 1, LENGTH(0)));
    const int64_t n_steps = LENGTH(1), n_hidden = WIDTH(0), n_maxima = n_steps ? sizes[0] * n_hidden : 0;
    REQUIRE(LENGTH(2) * WIDTH(2) == n_maxima);
    float *restrict largest = malloc(n_maxima * sizeof(float) + 1);
    int64_t *restrict rows = ARRAY(2);
    if (largest == NULL)
        return OUT_OF_MEMORY;
    memcpy(largest, states, n_maxima * sizeof(float));
    int64_t row = 0;
    for (int64_t step = 0; step < n_steps; step++) {
        for (int64_t i = 0; i < sizes[step]; i++, row++) {
            const float *restrict state = states + row * n_hidden;
            for (int64_t j = i * n_hidden; j < (i + 1) * n_hidden; j++, state++) {
                const bool is_larger = step == 0 || *state > largest[j];
                largest[j] = is_larger ? *state : largest[j];
                rows[j] = is_larger ? row : rows[j];
            }
        }
    }
    free(largest);
    return 0;
}
