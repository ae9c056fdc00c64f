"""HTTP/1.1 on httptools and asyncio transports: the callers' server, the backends' client. No product logic."""
