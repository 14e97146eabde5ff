"""One camera's process, from fork to death. With it dies that camera's tap; ``ruth ps`` shows it."""
