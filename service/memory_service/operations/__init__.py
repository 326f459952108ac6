"""Use-cases of the service, a file each: plain functions over ports and values. They know nothing of HTTP, metrics or retries."""
