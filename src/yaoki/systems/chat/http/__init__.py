"""What the services of the chat share over HTTP: reading bodies, refusing, and asking other services."""
