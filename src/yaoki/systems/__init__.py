"""Working systems that live by the core. Each is whole, and none knows another."""
