"""git, run so that neither its environment nor a tenant's repository decides what it does."""
