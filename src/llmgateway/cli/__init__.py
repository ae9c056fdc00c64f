"""The `llmgateway` command: one module a subcommand, loaded when it is used. Commands parse, call and print."""
