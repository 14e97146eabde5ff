"""What one agent may touch: the home of everything that takes rights away from a process."""
