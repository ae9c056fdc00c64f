"""What looks for something in texts: one file or folder each. Port: llmgateway.ports.guardrail."""
