"""The two parts that an answer depends on, search and answerer, each behind a pipeline of its own."""
