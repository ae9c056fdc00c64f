"""The data plane: carries exchanges between callers and backends. No database, no aiohttp, nothing that blocks."""
