"""Why this label: a fitted system and texts in, what each word adds to each class's logit out."""
