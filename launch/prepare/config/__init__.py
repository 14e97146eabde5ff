"""ruth.toml: text in, a validated host plan out, or every problem at once. Pure: no file, no clock."""
