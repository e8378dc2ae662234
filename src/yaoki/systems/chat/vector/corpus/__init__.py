"""Where passages come from: one file for each source (SPEC G1)."""
