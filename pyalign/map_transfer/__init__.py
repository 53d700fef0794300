"""What a linear map wins and loses on other data than it was fitted to."""
