"""What a linear map gains and loses on other data than it was fitted to."""
