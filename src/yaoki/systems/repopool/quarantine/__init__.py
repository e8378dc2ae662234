"""Work of former tenants: kept before anything is cleaned, and given back."""
