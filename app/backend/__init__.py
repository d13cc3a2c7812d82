"""The service and the libraries that its command line shares."""
