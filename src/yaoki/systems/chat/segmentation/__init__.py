"""Text cut into blocks, sentences and words, in English and Japanese."""
