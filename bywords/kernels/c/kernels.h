/* What every kernel is: a function of a call, which holds its arguments and takes what it returns. */

#ifndef BYWORDS_KERNELS_H
#define BYWORDS_KERNELS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OUT_OF_MEMORY (-1)
#define MOST_ARGUMENTS 24
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
} Call;

/* A whole number of 0 or more, or OUT_OF_MEMORY. Arrays that may be written to do not overlap any other. */
typedef int64_t Kernel(Call *call);

/* `const int32_t *ids = ARRAY(0)` and the like. */
#define ARRAY(i) (call->arguments[i].data)
#define LENGTH(i) (call->arguments[i].length)
#define WIDTH(i) (call->arguments[i].width)
#define INTEGER(i) (call->arguments[i].integer)
#define REAL(i) (call->arguments[i].real)

#define INLINE static inline __attribute__((always_inline))

/* Loops over floats are compiled for AVX2 and FMA as well; the processor decides at the start. (An arch=haswell would be
 * taken by processors of that name alone.) The bits are the same: sums keep their order, and products and sums stay apart
 * (-ffp-contract=off), but for the files that let them be one instruction. */
#if defined(__x86_64__) && defined(__gnu_linux__) && (__GNUC__ >= 12 || __clang_major__ >= 17)
#define VECTORIZED __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VECTORIZED
#endif

/* The code point at `at` of valid UTF-8, and how many bytes it takes. */
INLINE int64_t decoded(const uint8_t *at, int64_t *width)
{
    if (at[0] < 0x80)
        return *width = 1, at[0];
    if (at[0] < 0xE0)
        return *width = 2, (at[0] & 0x1F) << 6 | (at[1] & 0x3F);
    if (at[0] < 0xF0)
        return *width = 3, (at[0] & 0x0F) << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F);
    return *width = 4, (at[0] & 0x07) << 18 | (at[1] & 0x3F) << 12 | (at[2] & 0x3F) << 6 | (at[3] & 0x3F);
}

#endif
