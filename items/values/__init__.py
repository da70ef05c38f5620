"""Single values as people write them: amounts, texts, moments and cells."""
