"""The built-in answerer: it quotes passages, sentence by sentence, and needs no model."""
