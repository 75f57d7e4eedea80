"""A corpus → what is wrong with it: duplicates and their impact, label errors, leakage, drift, and its profile."""

from bywords.auditing.audit import audit as audit
