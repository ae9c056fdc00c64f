"""`python -m llmgateway` is the `llmgateway` command."""

from llmgateway.cli.main import main

if __name__ == "__main__":
    main()
