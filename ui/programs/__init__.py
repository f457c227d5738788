"""What other programs call: JSON in, JSON out, by the page's named endpoints or as MCP tools."""
