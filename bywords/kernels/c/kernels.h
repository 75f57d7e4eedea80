/* What every kernel is: a function of a call, which holds its arguments and takes what it returns. */

#ifndef BYWORDS_KERNELS_H
#define BYWORDS_KERNELS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OUT_OF_MEMORY (-1)
#define WRONG (-2)
#define MOST_ARGUMENTS 28
#define MOST_RESULTS 4

typedef struct {
    union {
        void *data; /* of an array, in C order */
        int64_t integer;
        double real;
    };
    int64_t length; /* of an array: its rows */
    int64_t width;  /* of an array with two dimensions: its columns, else 1 */
} Argument;

typedef struct {
    void *data; /* from malloc; the caller frees it */
    int64_t n_bytes;
} Result;

typedef struct {
    Argument arguments[MOST_ARGUMENTS];
    Result results[MOST_RESULTS];
    const char *expected; /* of a call that is WRONG */
} Call;

/* A whole number of 0 or more, OUT_OF_MEMORY or WRONG. Arrays that may be written to do not overlap any other. */
typedef int64_t Kernel(Call *call);

/* `const int32_t *ids = ARRAY(0)` and the like. */
#define ARRAY(i) (call->arguments[i].data)
#define LENGTH(i) (call->arguments[i].length)
#define WIDTH(i) (call->arguments[i].width)
#define INTEGER(i) (call->arguments[i].integer)
#define REAL(i) (call->arguments[i].real)

/* At the start of a kernel: what it needs so as not to read or write outside of its arrays. What is trusted all the same
 * is in a comment before the kernel. A pass over offsets or ids costs a small part of the kernel's own. */
#define REQUIRE(condition) \
    if (!(condition))      \
    return call->expected = #condition, WRONG

#define INLINE static inline __attribute__((always_inline))
#define RARE __attribute__((noinline)) /* what a loop seldom does, so that the loop stays small */

/* Loops over floats are compiled for AVX2 and FMA as well; the processor decides at the start. (An arch=haswell would be
 * taken by processors of that name alone.) The bits are the same: sums keep their order, and products and sums stay apart
 * (-ffp-contract=off), but for the files that let them be one instruction. */
#if defined(__x86_64__) && defined(__gnu_linux__) && (__GNUC__ >= 12 || __clang_major__ >= 17)
#define VECTORIZED __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VECTORIZED
#endif

/* Whether arguments are offsets of slices, one behind the other, of an array of `most`; `ends` are those without the 0. */
INLINE bool offsets_fit(const Call *call, int offsets, int64_t most)
{
    const int64_t *at = ARRAY(offsets), n = LENGTH(offsets);
    bool is_right = n >= 1 && at[0] >= 0 && at[n - 1] <= most;
    for (int64_t i = 1; is_right && i < n; i++)
        is_right = at[i - 1] <= at[i];
    return is_right;
}

INLINE bool ends_fit(const Call *call, int ends, int64_t most)
{
    return LENGTH(ends) == 0 || offsets_fit(call, ends, most);
}

/* Whether arguments are lengths of slices, one behind the other, of an array of `most`. */
INLINE bool lengths_fit(const Call *call, int lengths, int64_t most)
{
    const int64_t *at = ARRAY(lengths);
    for (int64_t i = 0; i < LENGTH(lengths); most -= at[i++]) {
        if (at[i] < 0 || at[i] > most)
            return false;
    }
    return true;
}

/* Whether whole numbers are in the range from 0 to n - 1; those of 32 bits, and those of 64. */
INLINE bool ids_fit(const Call *call, int ids, int64_t n)
{
    const uint32_t *at = ARRAY(ids);
    uint32_t largest = 0;
    for (int64_t i = 0; i < LENGTH(ids); i++)
        largest = at[i] > largest ? at[i] : largest;
    return largest < (uint64_t)n || LENGTH(ids) == 0;
}

INLINE bool indices_fit(const Call *call, int indices, int64_t n)
{
    const int64_t *at = ARRAY(indices);
    bool is_right = true;
    for (int64_t i = 0; i < LENGTH(indices); i++)
        is_right &= (uint64_t)at[i] < (uint64_t)n;
    return is_right;
}

/* Whether the documents `rows` are slices of ids, all in the range from 0 to n - 1. There may be many others, which are
 * not looked at. */
INLINE bool documents_of_rows_fit(const Call *call, int ids, int offsets, int rows, int64_t n)
{
    const uint32_t *at = ARRAY(ids);
    const int64_t *starts = ARRAY(offsets), *chosen = ARRAY(rows), most = LENGTH(ids);
    uint32_t largest = 0;
    int64_t n_ids = 0;
    if (LENGTH(offsets) < 1 || !indices_fit(call, rows, LENGTH(offsets) - 1))
        return false;
    for (int64_t i = 0; i < LENGTH(rows); i++) {
        const int64_t start = starts[chosen[i]], end = starts[chosen[i] + 1];
        if (start < 0 || end < start || most < end)
            return false;
        n_ids += end - start;
        for (int64_t id = start; id < end; id++)
            largest = at[id] > largest ? at[id] : largest;
    }
    return largest < (uint64_t)n || n_ids == 0;
}

/* Which of eight bytes are the first of a character of more than one, a bit each. */
INLINE uint64_t first_of_wide(const uint8_t *bytes)
{
    uint64_t eight;
    memcpy(&eight, bytes, 8);
    return ((eight & eight << 1) >> 7 & 0x0101010101010101) * 0x0102040810204080 >> 56;
}

INLINE bool is_power_of_two(int64_t n) { return n > 0 && (n & (n - 1)) == 0; }

/* The code point at `at` of UTF-8, and how many bytes it takes; one that is cut off by the end is none that there is. */
INLINE int64_t decoded(const uint8_t *at, const uint8_t *end, int64_t *width)
{
    *width = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (*width > end - at)
        return *width = end - at, INT32_MAX;
    if (*width == 1)
        return at[0];
    if (*width == 2)
        return (at[0] & 0x1F) << 6 | (at[1] & 0x3F);
    if (*width == 3)
        return (at[0] & 0x0F) << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F);
    return (at[0] & 0x07) << 18 | (at[1] & 0x3F) << 12 | (at[2] & 0x3F) << 6 | (at[3] & 0x3F);
}

#endif
