"""What `bywords.kernels.utf8` says of bytes, in Python."""

import re


def is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def has_plain_quotes(data, separator):
    """By a pattern of what a row may be."""
    apart = re.escape(separator.encode("latin-1"))
    field = rb'(?:[^"]|(?<![^\n%s])"(?:[^"]|"")*"(?=[\r\n%s]|\Z))' % (apart, apart)
    return re.fullmatch(rb"(?:%s)*" % field, data) is not None
