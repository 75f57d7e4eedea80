/* The kernels as functions of Python: arrays are checked, then a kernel runs without the interpreter's lock.
 *
 * The signature of a kernel has one letter an argument: B uint8, i int32, q int64, Q uint64, f float32, d float64 and
 * ? bool for an array in C order, with a > before it where the kernel writes to it; n for an integer and r for a real
 * number. A function returns the kernel's number or, where the kernel has results, a tuple of it and them as buffers. */

#include <Python.h>

#include "kernels.h"

#define VOCABULARY "BqQBqQQinnnnnn" /* as encode.c says */
#define POOL "iqqnnd"               /* as bags.h says */

/* name, signature, number of results */
#define KERNELS(X)                                            \
    X(scan, "BqBnn>i>q", 3)                                   \
    X(hashes_of, "Bq>Q", 0)                                   \
    X(select_words, "Bqq>q", 1)                               \
    X(find, "BqQBqQ>i", 0)                                    \
    X(add, "BqQ>B>q>Q>Qn>i", 0)                               \
    X(rehash, "Q>Q", 0)                                       \
    X(rank, "BqqBnn>q", 0)                                    \
    X(count_codes, "i>q", 0)                                  \
    X(renumber, "ii>i", 0)                                    \
    X(cut, "Bqnn>i>q>q>Q", 1)                                 \
    X(is_utf8, "B", 0)                                        \
    X(has_plain_quotes, "Bn", 0)                              \
    X(suspects, "BqBB>B", 0)                                  \
    X(replace_characters, "BqBiBqB>q>B", 1)                   \
    X(shorten_runs, ">B>qB", 0)                               \
    X(with_edges, "iqn>i>q", 0)                               \
    X(count_pairs, "iiqnnnn", 2)                              \
    X(keys_of_documents, "iqQB>Q", 0)                         \
    X(add_counts, "QqQq>Q>q", 0)                              \
    X(table_of_pairs, "ii>Q>i", 0)                            \
    X(find_pairs, "iiqnQi>i", 0)                              \
    X(encode, "iqBqQi" VOCABULARY ">q>f>i", 1)                \
    X(encode_texts, "BqBnn" VOCABULARY ">q>f", 1)             \
    X(answer_texts, "BqBnn" VOCABULARY POOL ">f>f>B", 0)      \
    X(count, "iqnn>i>q>f", 0)                                 \
    X(weigh, "iqfqn>f", 0)                                    \
    X(weighed_sums, "iqfqnf>f", 0)                            \
    X(pooled_sums, "iq" POOL ">f", 0)                         \
    X(add_rows, "fiqf>f", 0)                                  \
    X(gradients_of_rows, "iqff>i>q>f", 0)                     \
    X(adagrad, ">f>fqfrr", 0)                                 \
    X(classifiers_of, "iqqfff>f>f", 0)                        \
    X(dual_pass, "iqqffqf>f>f>f>f>f", 0)                      \
    X(scores_of, "iqqff>f", 0)                                \
    X(times_curvature, "iqqfff>f", 0)                         \
    X(bias_slopes, "fffd>d>d", 0)                             \
    X(class_sums, "iqqqff>d", 0)                              \
    X(train_node, "iqfqiqfnnnrrn>f", 4)                       \
    X(search_tree, "iqfqifqiqifnnnrr>i>f", 0)                 \
    X(occurrences, "iq>q>i", 0)                               \
    X(sort_each, ">iq", 0)                                    \
    X(similar_pairs, "iqqnrnn", 1)                            \
    X(listed_pairs, "qqqn>B", 0)                              \
    X(shared_by, "iqqq>q", 0)                                 \
    X(run_forward, "qffff>f>f>f", 0)                          \
    X(run_backward, "qffffff>f>f>f>f>f", 0)                   \
    X(rows_of_maxima, "fq>q", 0)                              \
    X(calibrate, ">drnrrr>d", 0)                              \
    X(fit_sigmoids, "dBfrr>d>d", 0)                           \
    X(train_block, "iiff>f>f>f>f>f>f>f>fr>d", 0)

PyObject *join_texts(PyObject *module, PyObject *list);
PyObject *join_column(PyObject *module, PyObject *capsule);

#define DECLARE(name, signature, n_results) Kernel name;
KERNELS(DECLARE)

static bool has_letter(const char *format, Py_ssize_t size, char letter)
{
    const char *same_kind = strchr("iq", letter) ? "bhilq" : strchr("BQ", letter) ? "BHILQ" : "";
    Py_ssize_t expected = strchr("B?", letter) ? 1 : strchr("if", letter) ? 4 : 8;
    if (format == NULL || strlen(format) != 1 || size != expected)
        return false;
    return *format == letter || strchr(same_kind, *format) != NULL;
}

static bool open_array(PyObject *object, char letter, bool is_written, Py_buffer *view, Argument *argument)
{
    int flags = PyBUF_ND | PyBUF_FORMAT | (is_written ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, view, flags | PyBUF_C_CONTIGUOUS) < 0)
        return false;
    if (!has_letter(view->format, view->itemsize, letter) || view->ndim < 1 || view->ndim > 2) {
        PyErr_Format(PyExc_TypeError, "an array of format %s with %d dimensions, expected format %c with 1 or 2",
                     view->format, view->ndim, letter);
        PyBuffer_Release(view);
        return false;
    }
    argument->data = view->buf;
    argument->width = view->ndim == 2 ? view->shape[1] : 1;
    argument->length = argument->width ? view->shape[0] : 0; /* rows without columns have nothing to read */
    return true;
}

/* A buffer of what a kernel has allocated: no copy is made of it. */
typedef struct {
    PyObject_HEAD
    Result result;
} Memory;

static int buffer_of_memory(PyObject *memory, Py_buffer *view, int flags)
{
    const Result *result = &((Memory *)memory)->result;
    return PyBuffer_FillInfo(view, memory, result->data, result->n_bytes, 0, flags);
}

static void free_memory(PyObject *memory)
{
    PyTypeObject *type = Py_TYPE(memory);
    free(((Memory *)memory)->result.data);
    PyObject_Free(memory);
    Py_DECREF(type);
}

static PyType_Slot memory_slots[] = {
    {Py_bf_getbuffer, buffer_of_memory},
    {Py_tp_dealloc, free_memory},
    {0, NULL},
};

static PyType_Spec memory_spec = {
    "bywords.kernels._native.Memory", sizeof(Memory), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, memory_slots,
};

static PyTypeObject *memory_type;

/* A result as a buffer, which has it then: what it takes beyond its bytes is given back. NULL where there is no memory. */
static PyObject *as_buffer(Result *result)
{
    void *data = realloc(result->data, result->n_bytes ? result->n_bytes : 1);
    result->data = data ? data : result->data;
    Memory *memory = data ? PyObject_New(Memory, memory_type) : NULL;
    if (memory) {
        memory->result = *result;
        result->data = NULL;
    }
    return (PyObject *)memory;
}

static PyObject *returned(Call *call, int64_t number, int n_results)
{
    PyObject *tuple = n_results ? PyTuple_New(1 + n_results) : NULL;
    for (int i = 0; i < n_results; i++) {
        PyObject *buffer = tuple ? as_buffer(&call->results[i]) : NULL;
        free(call->results[i].data);
        if (buffer == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SetItem(tuple, 1 + i, buffer);
    }
    if (n_results && tuple == NULL)
        return PyErr_NoMemory();
    PyObject *as_object = PyLong_FromLongLong(number);
    if (n_results == 0)
        return as_object;
    PyTuple_SetItem(tuple, 0, as_object);
    return tuple;
}

static PyObject *run(PyObject *arguments, const char *name, const char *signature, int n_results, Kernel *kernel)
{
    Call call = {0};
    Py_buffer views[MOST_ARGUMENTS];
    int n_views = 0, n_arguments = 0;
    Py_ssize_t n_given = PyTuple_Size(arguments);
    int64_t number = 0;
    bool is_open = true;
    for (const char *letter = signature; *letter && is_open; letter++, n_arguments++) {
        bool is_written = *letter == '>';
        letter += is_written;
        PyObject *object = n_arguments < n_given ? PyTuple_GetItem(arguments, n_arguments) : NULL;
        Argument *argument = &call.arguments[n_arguments];
        if (object == NULL) {
            PyErr_Format(PyExc_TypeError, "%s got only %zd arguments", name, n_given);
            is_open = false;
        } else if (*letter == 'n') {
            argument->integer = PyLong_AsLongLong(object);
            is_open = !PyErr_Occurred();
        } else if (*letter == 'r') {
            argument->real = PyFloat_AsDouble(object);
            is_open = !PyErr_Occurred();
        } else {
            is_open = open_array(object, *letter, is_written, &views[n_views], argument);
            n_views += is_open;
        }
    }
    if (is_open && n_given > n_arguments) {
        PyErr_Format(PyExc_TypeError, "%s got %zd arguments, expected %d", name, n_given, n_arguments);
        is_open = false;
    }
    if (is_open) {
        Py_BEGIN_ALLOW_THREADS
        number = kernel(&call);
        Py_END_ALLOW_THREADS
    }
    while (n_views)
        PyBuffer_Release(&views[--n_views]);
    if (!is_open)
        return NULL;
    if (number < 0) {
        for (int i = 0; i < n_results; i++)
            free(call.results[i].data);
        if (number == OUT_OF_MEMORY)
            return PyErr_NoMemory();
        return PyErr_Format(PyExc_ValueError, "%s: the arrays do not fit together, expected %s", name, call.expected);
    }
    return returned(&call, number, n_results);
}

#define DEFINE(name, signature, n_results)                                  \
    static PyObject *call_##name(PyObject *module, PyObject *arguments)     \
    {                                                                       \
        return run(arguments, #name, signature, n_results, name);           \
    }
KERNELS(DEFINE)

#define LIST(name, signature, n_results) {#name, call_##name, METH_VARARGS, signature},
static PyMethodDef methods[] = {
    KERNELS(LIST) /* and those of utf8.c, which take objects */
    {"_join_texts", join_texts, METH_O, NULL},
    {"_join_column", join_column, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "The kernels as machine code; their wrappers say what they do.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    memory_type = (PyTypeObject *)PyType_FromSpec(&memory_spec);
    return memory_type ? PyModule_Create(&definition) : NULL;
}
