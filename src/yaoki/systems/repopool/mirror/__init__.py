"""The mirror that all slots of a pool borrow their objects from."""
