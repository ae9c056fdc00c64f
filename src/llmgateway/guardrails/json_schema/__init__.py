"""Answers that are not the JSON that was asked for, judged by the schema of the request or of the operator."""
