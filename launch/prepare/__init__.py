"""Before any process: reads, judges and calculates. Dies alone; its user notices."""
