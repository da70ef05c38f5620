"""What tests stand on: services, processes, clients and people."""
