"""What is wrong with a corpus: duplicates and what they are worth, doubtful labels, give-aways, drift, its profile."""

from bywords.audit.audit import audit as audit
