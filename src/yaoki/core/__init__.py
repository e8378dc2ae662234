"""The resilience core: standard library only."""
