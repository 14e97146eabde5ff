"""What people read: messages, tables, colours, suggestions. No process of its own: each verb's."""
