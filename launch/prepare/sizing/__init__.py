"""What a configuration will come to on a host, before it runs (``ruth plan``). Pure: values in, text out."""
