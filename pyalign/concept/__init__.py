"""Human concepts: how well each dimension or category of people is represented, and what lies near what."""
