"""The repo pool: ready git workspaces for agents and jobs, and nobody's work lost (SPEC W1 to W5)."""
