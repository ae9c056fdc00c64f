"""Links and images of a reply that lead to hosts nobody allowed."""
