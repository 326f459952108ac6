"""Use-cases of the service, a file each: functions over ports and values. They know nothing of HTTP or metrics."""
