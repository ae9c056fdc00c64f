"""The words of the project as types. Standard library only: no I/O, no JSON, no clock of its own."""
