"""What is wrong with a corpus: documents that stand in it twice, labels that are doubtful, and what they are worth."""

from bywords.audit.audit import audit as audit
