"""Human concepts: how well each human dimension or category is represented, and which objects are near each other."""
