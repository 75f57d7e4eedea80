/* Logits of one label a document → calibrated probabilities. calibration.py says more. */

#include <math.h>

#include "kernels.h"

#define LEAST 1e-6 /* of the probabilities that a curve takes the logarithm of: no more is known of smaller ones */

/* The index of the highest; of equals the first. */
INLINE int64_t index_of_highest(const double *numbers, int64_t n)
{
    int64_t highest = 0;
    for (int64_t k = 1; k < n; k++)
        highest = numbers[k] > numbers[highest] ? k : highest;
    return highest;
}

/* The softmax of all n numbers but the one at `left_out`, which is 0; -1 leaves out none. */
INLINE void softmax(const double *numbers, int64_t n, int64_t left_out, double *shares)
{
    double highest = -INFINITY, sum = 0;
    for (int64_t k = 0; k < n; k++)
        highest = k != left_out && numbers[k] > highest ? numbers[k] : highest;
    for (int64_t k = 0; k < n; k++)
        sum += shares[k] = k == left_out ? 0 : exp(numbers[k] - highest);
    for (int64_t k = 0; k < n; k++)
        shares[k] /= sum;
}

INLINE double sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

/* Comparisons that are false for what is not a number, so that it stays. */
INLINE double no_less_than(double least, double x) { return x < least ? least : x; }

/* Put the highest of the probabilities onto the curve (a, b, c); the others share the rest as before. */
INLINE void bend(const double *scaled, int64_t n, double a, double b, double c, double *probabilities)
{
    const int64_t label = index_of_highest(probabilities, n);
    const double highest = probabilities[label];
    double others = 0;
    for (int64_t k = 0; k < n; k++)
        others += k == label ? 0 : probabilities[k];
    const double curved = sigmoid(a * log(no_less_than(LEAST, highest)) - b * log(no_less_than(LEAST, others)) + c);
    softmax(scaled, n, label, probabilities);
    /* The label stays the likeliest: no less than the next one, after it got its share of the rest. */
    const double second = probabilities[index_of_highest(probabilities, n)];
    const double given = no_less_than(second / (1 + second) * (1 + 1e-12), curved);
    for (int64_t k = 0; k < n; k++)
        probabilities[k] = k == label ? given : probabilities[k] * (1 - given);
}

/* logits, which are scaled, temperature, whether there is a curve, a, b, c; probabilities. */
int64_t calibrate(Call *call)
{
    double *logits = ARRAY(0), *probabilities = ARRAY(6);
    const double temperature = REAL(1);
    const bool is_bent = INTEGER(2);
    const int64_t n_documents = LENGTH(0), n = WIDTH(0);
    REQUIRE(LENGTH(6) == n_documents && WIDTH(6) == n);
    for (int64_t document = 0; document < n_documents && n; document++, logits += n, probabilities += n) {
        for (int64_t k = 0; k < n; k++)
            logits[k] /= temperature;
        softmax(logits, n, -1, probabilities);
        if (is_bent && n > 1)
            bend(logits, n, REAL(3), REAL(4), REAL(5), probabilities);
    }
    return 0;
}
