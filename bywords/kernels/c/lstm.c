/* The steps of an LSTM, forward and backward. The wrappers in lstm.py say more. */

#include "kernels.h"

/* A product and a sum may be one instruction, and a comparison no jump. */
#pragma GCC optimize("fp-contract=fast", "no-trapping-math")

#define PANEL 32 /* columns of a product that are computed together */
#define LANES 8
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

/* A matrix (K, M), `stride` from column to column and `step` from row to row, as panels: (M / PANEL, K, PANEL), the
 * columns that the last one lacks are 0. */
INLINE void pack(const float *restrict matrix, int64_t step, int64_t stride, int64_t n_rows, int64_t n_columns,
                 float *restrict panels)
{
    for (int64_t first = 0; first < n_columns; first += PANEL) {
        const int64_t width = n_columns - first < PANEL ? n_columns - first : PANEL;
        for (int64_t k = 0; k < n_rows; k++, panels += PANEL) {
            for (int64_t j = 0; j < width; j++)
                panels[j] = matrix[k * step + (first + j) * stride];
            for (int64_t j = width; j < PANEL; j++)
                panels[j] = 0;
        }
    }
}

static float *room_for_panels(int64_t n_rows, int64_t n_columns)
{
    return malloc(((n_columns + PANEL - 1) / PANEL * n_rows * PANEL + 1) * sizeof(float));
}

/* One panel of `add_product` for 1 or 2 rows. The terms of a sum are added in their order, in either case. */
INLINE void add_tile(const int n_rows, const float *left, int64_t row_step, int64_t term_step, int64_t n_terms,
                     const float *panel, float *total, int64_t total_step)
{
    Vector sums[2][N_VECTORS];
    for (int i = 0; i < n_rows; i++)
        for (int v = 0; v < N_VECTORS; v++)
            sums[i][v] = *(const Vector *)(total + i * total_step + v * LANES);
    for (int64_t k = 0; k < n_terms; k++, panel += PANEL, left += term_step)
        for (int i = 0; i < n_rows; i++)
            for (int v = 0; v < N_VECTORS; v++)
                sums[i][v] += left[i * row_step] * *(const Vector *)(panel + v * LANES);
    for (int i = 0; i < n_rows; i++)
        for (int v = 0; v < N_VECTORS; v++)
            *(Vector *)(total + i * total_step + v * LANES) = sums[i][v];
}

/* `total` (n, M) += `left` (n, K), with steps from row to row and from term to term, @ the matrix (K, M) in `panels`. */
INLINE void add_product(const float *left, int64_t row_step, int64_t term_step, int64_t n_rows, int64_t n_terms,
                        const float *panels, float *total, int64_t n_columns)
{
    for (int64_t first = 0; first < n_columns; first += PANEL, panels += n_terms * PANEL) {
        const int64_t width = n_columns - first < PANEL ? n_columns - first : PANEL;
        for (int64_t i = 0; i < n_rows; i += 2) {
            const int64_t n = n_rows - i < 2 ? 1 : 2;
            float narrow[2 * PANEL] = {0}, *of_rows = total + i * n_columns + first;
            int64_t step = n_columns;
            if (width < PANEL) {
                for (int64_t row = 0; row < n; row++)
                    memcpy(narrow + row * PANEL, of_rows + row * n_columns, width * sizeof(float));
                of_rows = narrow;
                step = PANEL;
            }
            if (n == 2)
                add_tile(2, left + i * row_step, row_step, term_step, n_terms, panels, of_rows, step);
            else
                add_tile(1, left + i * row_step, row_step, term_step, n_terms, panels, of_rows, step);
            if (width < PANEL)
                for (int64_t row = 0; row < n; row++)
                    memcpy(total + (i + row) * n_columns + first, narrow + row * PANEL, width * sizeof(float));
        }
    }
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

VECTORIZED int64_t run_forward(Call *call)
{
    const int64_t *sizes = ARRAY(0);
    const float *inputs = ARRAY(1), *from_input = ARRAY(2), *from_state = ARRAY(3), *bias = ARRAY(4);
    float *gates = ARRAY(5), *cells = ARRAY(6), *states = ARRAY(7);
    const int64_t n_steps = LENGTH(0), n_in = WIDTH(1), n_gates = WIDTH(5), n_hidden = WIDTH(7);
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
        add_product(inputs + start * n_in, n_in, 1, size, n_in, input_panels, of_step, n_gates);
        if (step > 0)
            add_product(states + before * n_hidden, n_hidden, 1, size, n_hidden, state_panels, of_step, n_gates);
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

/* What the backward pass needs room for; N documents in the first step. */
typedef struct {
    float *of_cells;                 /* (N, H), 0 until the last step of a document */
    float *of_gates, *gate_panels;   /* (N, 4H), and the same in panels */
    float *to_input, *to_state;      /* the weights, transposed, in panels */
} Room;

static bool open_room(Room *room, int64_t n_documents, int64_t n_in, int64_t n_hidden)
{
    room->of_cells = calloc(n_documents * n_hidden + 1, sizeof(float));
    room->of_gates = malloc((n_documents * 4 * n_hidden + 1) * sizeof(float));
    room->gate_panels = room_for_panels(n_documents, 4 * n_hidden);
    room->to_input = room_for_panels(4 * n_hidden, n_in);
    room->to_state = room_for_panels(4 * n_hidden, n_hidden);
    return room->of_cells && room->of_gates && room->gate_panels && room->to_input && room->to_state;
}

static void close_room(Room *room)
{
    free(room->of_cells);
    free(room->of_gates);
    free(room->gate_panels);
    free(room->to_input);
    free(room->to_state);
}

VECTORIZED int64_t run_backward(Call *call)
{
    const int64_t *sizes = ARRAY(0);
    const float *inputs = ARRAY(1), *from_input = ARRAY(2), *from_state = ARRAY(3);
    const float *gates = ARRAY(4), *cells = ARRAY(5), *states = ARRAY(6);
    float *of_states = ARRAY(7), *of_inputs = ARRAY(8);
    float *restrict of_from_input = ARRAY(9), *restrict of_from_state = ARRAY(10), *restrict of_bias = ARRAY(11);
    const int64_t n_steps = LENGTH(0), n_in = WIDTH(1), n = WIDTH(5), n_gates = 4 * n; /* n is H */
    const bool wants_inputs = LENGTH(8) > 0;
    Room room;
    const bool has_room = open_room(&room, n_steps ? sizes[0] : 0, n_in, n);
    if (has_room) {
        pack(from_input, 1, n_gates, n_gates, n_in, room.to_input);
        pack(from_state, 1, n_gates, n_gates, n, room.to_state);
    }
    int64_t start = LENGTH(5);
    for (int64_t step = n_steps - 1; has_room && step >= 0; step--) {
        const int64_t size = sizes[step], before = step > 0 ? start - size - sizes[step - 1] : 0;
        start -= size;
        for (int64_t i = 0; i < size; i++) {
            const float *restrict of_row = room.of_gates + i * n_gates;
            differentiate(gates + (start + i) * n_gates, step > 0 ? cells + (before + i) * n : NULL,
                          cells + (start + i) * n, of_states + (start + i) * n, room.of_gates + i * n_gates,
                          room.of_cells + i * n, n);
            for (int64_t j = 0; j < n_gates; j++)
                of_bias[j] += of_row[j];
        }
        pack(room.of_gates, n_gates, 1, size, n_gates, room.gate_panels);
        add_product(inputs + start * n_in, 1, n_in, n_in, size, room.gate_panels, of_from_input, n_gates);
        if (wants_inputs)
            add_product(room.of_gates, n_gates, 1, size, n_gates, room.to_input, of_inputs + start * n_in, n_in);
        if (step > 0) {
            add_product(states + before * n, 1, n, n, size, room.gate_panels, of_from_state, n_gates);
            add_product(room.of_gates, n_gates, 1, size, n_gates, room.to_state, of_states + before * n, n);
        }
    }
    close_room(&room);
    return has_room ? 0 : OUT_OF_MEMORY;
}

int64_t rows_of_maxima(Call *call)
{
    const float *states = ARRAY(0);
    const int64_t *sizes = ARRAY(1);
    int64_t *rows = ARRAY(2);
    const int64_t n_steps = LENGTH(1), n_hidden = WIDTH(0);
    for (int64_t step = 0, start = 0; step < n_steps; start += sizes[step++]) {
        for (int64_t i = 0; i < sizes[step]; i++) {
            for (int64_t j = 0; j < n_hidden; j++) {
                int64_t *largest = rows + i * n_hidden + j;
                if (step == 0 || states[(start + i) * n_hidden + j] > states[*largest * n_hidden + j])
                    *largest = start + i;
            }
        }
    }
    return 0;
}
