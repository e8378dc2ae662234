"""git, run so that neither the environment nor a tenant's repository decides what it does; and its files, read without it."""
