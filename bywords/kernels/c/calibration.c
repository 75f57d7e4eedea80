/* Logits → calibrated probabilities, and the sigmoids of labels. calibration.py says more. */

#include <math.h>

#include "kernels.h"

enum { MOST_STEPS = 50, MOST_HALVINGS = 12 }; /* of Newton's method */
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

/* One label: what each of n documents has for it, whether it is to be given, and what it counts. */
typedef struct {
    double *z;
    bool *has;
    const float *weights;
    int64_t n;
    double with, without; /* how sure its presence, and its absence, are taken to be */
} Label;

/* The log loss of a label's sigmoid of scale z + offset, its gradient and its Hessian: aa, ab, bb. */
INLINE double loss_of(const Label *label, double scale, double offset, double *gradient, double *hessian)
{
    double loss = 0, product = 1; /* of 1 + exp(-|odds|), whose logarithm is taken now and then */
    gradient[0] = gradient[1] = hessian[0] = hessian[1] = hessian[2] = 0;
    for (int64_t i = 0; i < label->n; i++) {
        const double z = label->z[i], odds = scale * z + offset, small = exp(odds < 0 ? odds : -odds);
        const double likely = (odds < 0 ? small : 1) / (1 + small), weight = (double)label->weights[i];
        const double wanted = label->has[i] ? label->with : label->without;
        const double error = weight * (likely - wanted), curve = weight * likely * (1 - likely);
        loss += weight * ((odds < 0 ? 0 : odds) - wanted * odds);
        if (weight == 1)
            product *= 1 + small;
        else
            loss += weight * log(1 + small);
        if (product > 1e300) {
            loss += log(product);
            product = 1;
        }
        gradient[0] += error * z;
        gradient[1] += error;
        hessian[0] += curve * z * z;
        hessian[1] += curve * z;
        hessian[2] += curve;
    }
    return loss + log(product);
}

/* Newton's method from a scale of 1 and the label's share; half the step, as long as it would not help. */
INLINE void fit_sigmoid(const Label *label, double steepest, double *scale, double *offset)
{
    double gradient[2], hessian[3], new_gradient[2], new_hessian[3];
    double loss = loss_of(label, *scale, *offset, gradient, hessian);
    for (int step = 0; step < MOST_STEPS; step++) {
        const double aa = hessian[0] + 1e-9, ab = hessian[1], bb = hessian[2] + 1e-9;
        const double determinant = no_less_than(1e-18, aa * bb - ab * ab);
        double size = 1, new_scale = 0, new_offset = 0, new = 0;
        for (int halving = 0; halving < MOST_HALVINGS; halving++, size /= 2) {
            new_scale = no_less_than(1e-6, *scale - size * (bb * gradient[0] - ab * gradient[1]) / determinant);
            new_scale = new_scale > steepest ? steepest : new_scale;
            new_offset = *offset - size * (aa * gradient[1] - ab * gradient[0]) / determinant;
            new = loss_of(label, new_scale, new_offset, new_gradient, new_hessian);
            if (new <= loss + 1e-12)
                break;
        }
        const double gained = loss - new;
        if (!(gained > 0))
            return;
        *scale = new_scale;
        *offset = new_offset;
        loss = new;
        memcpy(gradient, new_gradient, sizeof(gradient));
        memcpy(hessian, new_hessian, sizeof(hessian));
        if (gained < 1e-9 * no_less_than(1, loss))
            return;
    }
}

/* logits, which labels documents have, weights, flat, steepest; scales, offsets. */
int64_t fit_sigmoids(Call *call)
{
    const double *logits = ARRAY(0), flat = REAL(3), steepest = REAL(4);
    const uint8_t *has = ARRAY(1);
    double *scales = ARRAY(5), *offsets = ARRAY(6);
    const int64_t n = LENGTH(0), width = WIDTH(0);
    REQUIRE(LENGTH(1) == n && WIDTH(1) == width && LENGTH(2) == n && LENGTH(5) == width && LENGTH(6) == width);
    Label label = {malloc((n + 1) * sizeof(double)), malloc(n + 1), ARRAY(2), n, 0, 0};
    const bool is_enough = label.z && label.has;
    for (int64_t k = 0; is_enough && k < width; k++) {
        double with = 0, without = 0, mean = 0, spread = 0;
        for (int64_t i = 0; i < n; i++) {
            label.z[i] = logits[i * width + k];
            label.has[i] = has[i * width + k] != 0;
            *(label.has[i] ? &with : &without) += (double)label.weights[i];
            mean += label.z[i] / (double)n;
        }
        for (int64_t i = 0; i < n; i++)
            spread += (label.z[i] - mean) * (label.z[i] - mean) / (double)n;
        spread = sqrt(spread) < flat ? 1 / flat : sqrt(spread); /* of none that tell documents apart the offset says all */
        for (int64_t i = 0; i < n; i++)
            label.z[i] /= spread;
        label.with = (with + 1) / (with + 2);
        label.without = 1 / (without + 2);
        scales[k] = 1;
        offsets[k] = log((with + 1) / (without + 1));
        fit_sigmoid(&label, steepest, scales + k, offsets + k);
        scales[k] /= spread;
    }
    free(label.z);
    free(label.has);
    return is_enough ? 0 : OUT_OF_MEMORY;
}
