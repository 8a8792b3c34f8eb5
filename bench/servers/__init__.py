"""What is measured, each in a process of its own: `python -m bench.servers.NAME OPTIONS-AS-JSON`."""
