"""The HTTP floor: requests in, problem documents and answers out. It decides nothing about memory."""
