"""What runs: the live side of a web process, and the bridge as a process of its own."""
