"""What is concluded from the operations: scores and descriptions, as frozen dataclasses."""
