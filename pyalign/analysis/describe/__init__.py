"""What an array or a file seems to be."""
