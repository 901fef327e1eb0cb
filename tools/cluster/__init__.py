"""A real API server without a cluster, on which the document of the deployment is followed."""
