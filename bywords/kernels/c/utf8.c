/* Texts of Python, or of a column as Arrow's C data interface has it → their bytes, one behind the other.
 *
 * utf8.py says more. Source of the structures: https://arrow.apache.org/docs/format/CDataInterface.html */

#include <Python.h>
#include <stdint.h>
#include <string.h>

typedef struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
} ArrowSchema;

typedef struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
} ArrowArray;

typedef struct ArrowStream {
    int (*get_schema)(struct ArrowStream *, ArrowSchema *);
    int (*get_next)(struct ArrowStream *, ArrowArray *);
    const char *(*get_last_error)(struct ArrowStream *);
    void (*release)(struct ArrowStream *);
    void *private_data;
} ArrowStream;

typedef struct {
    const char *bytes;
    int64_t length;
} Piece;

/* The text of a row of views: its length, then its bytes, or four of them and where it is in which buffer. */
static Piece piece_of(const ArrowArray *array, int64_t row)
{
    int32_t view[4];
    const char *at = (const char *)array->buffers[1] + 16 * (array->offset + row);
    memcpy(view, at, 16);
    if (view[0] <= 12)
        return (Piece){at + 4, view[0]};
    return (Piece){(const char *)array->buffers[2 + view[2]] + view[3], view[0]};
}

/* A tuple of two bytearrays, of so many bytes and so many ends. */
static PyObject *room_for(int64_t n_bytes, int64_t n_texts, char **bytes, int64_t **ends)
{
    PyObject *data = PyByteArray_FromStringAndSize(NULL, n_bytes);
    PyObject *numbers = PyByteArray_FromStringAndSize(NULL, n_texts * (Py_ssize_t)sizeof(int64_t));
    PyObject *both = data && numbers ? PyTuple_Pack(2, data, numbers) : NULL;
    if (both) {
        *bytes = PyByteArray_AsString(data);
        *ends = (int64_t *)PyByteArray_AsString(numbers);
    }
    Py_XDECREF(data);
    Py_XDECREF(numbers);
    return both;
}

/* A list of bytes and of strings in ASCII. */
PyObject *join_texts(PyObject *module, PyObject *list)
{
    const Py_ssize_t n = PyList_Check(list) ? PyList_Size(list) : -1;
    Piece *pieces = PyMem_Malloc((n < 0 ? 1 : n + 1) * sizeof(Piece));
    int64_t n_bytes = 0, *ends = NULL;
    char *to = NULL;
    if (n < 0 || pieces == NULL) {
        PyMem_Free(pieces);
        return n < 0 ? PyErr_Format(PyExc_TypeError, "expected a list") : PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *text = PyList_GetItem(list, i);
        Py_ssize_t length = PyBytes_Check(text) ? PyBytes_Size(text) : 0;
        pieces[i].bytes = PyBytes_Check(text) ? PyBytes_AsString(text) : PyUnicode_AsUTF8AndSize(text, &length);
        pieces[i].length = length;
        n_bytes += length;
        if (pieces[i].bytes == NULL) {
            PyMem_Free(pieces);
            return NULL;
        }
    }
    PyObject *both = room_for(n_bytes, n, &to, &ends);
    if (both) {
        n_bytes = 0;
        for (Py_ssize_t i = 0; i < n; i++) {
            memcpy(to + n_bytes, pieces[i].bytes, pieces[i].length);
            ends[i] = n_bytes += pieces[i].length;
        }
    }
    PyMem_Free(pieces);
    return both;
}

/* The texts of all arrays of views. */
static PyObject *joined_arrays(const ArrowArray *arrays, int n_arrays)
{
    int64_t n_bytes = 0, n_texts = 0, *ends = NULL;
    char *to = NULL;
    for (int i = 0; i < n_arrays; i++) {
        if (arrays[i].null_count > 0 || (arrays[i].null_count && arrays[i].buffers[0]))
            return PyErr_Format(PyExc_ValueError, "a text is missing");
        for (int64_t row = 0; row < arrays[i].length; row++)
            n_bytes += piece_of(&arrays[i], row).length;
        n_texts += arrays[i].length;
    }
    PyObject *both = room_for(n_bytes, n_texts, &to, &ends);
    n_bytes = 0;
    for (int i = 0; i < n_arrays && both; i++) {
        for (int64_t row = 0; row < arrays[i].length; row++) {
            const Piece piece = piece_of(&arrays[i], row);
            memcpy(to + n_bytes, piece.bytes, piece.length);
            *ends++ = n_bytes += piece.length;
        }
    }
    return both;
}

/* What `__arrow_c_stream__` of a column of string views gives. */
PyObject *join_column(PyObject *module, PyObject *capsule)
{
    ArrowStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    ArrowSchema schema = {0};
    ArrowArray *arrays = NULL, *more;
    int n = 0, is_wrong = 0;
    if (stream == NULL)
        return NULL;
    if (stream->get_schema(stream, &schema))
        return PyErr_Format(PyExc_ValueError, "the column cannot be read");
    if (strcmp(schema.format, "vu") != 0)
        PyErr_Format(PyExc_TypeError, "a column of Arrow's format %s, expected vu", schema.format);
    schema.release(&schema);
    while (!PyErr_Occurred()) {
        if ((more = PyMem_Realloc(arrays, (n + 1) * sizeof(ArrowArray))) == NULL) {
            PyErr_NoMemory();
            break;
        }
        arrays = more;
        is_wrong = stream->get_next(stream, &arrays[n]);
        if (is_wrong)
            PyErr_Format(PyExc_ValueError, "the column cannot be read");
        if (is_wrong || arrays[n].release == NULL)
            break;
        n++;
    }
    PyObject *both = PyErr_Occurred() ? NULL : joined_arrays(arrays, n);
    for (int i = 0; i < n; i++)
        arrays[i].release(&arrays[i]);
    PyMem_Free(arrays);
    return both;
}
