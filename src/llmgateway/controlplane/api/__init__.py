"""The admin API, a file for each family of endpoints. `table` puts them together."""
