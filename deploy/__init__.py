"""What runs beside Gnomon: rules and dashboards, made here from the metrics that exist, and examples for a cluster."""
