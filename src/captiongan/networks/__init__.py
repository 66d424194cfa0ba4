"""The networks: generators and discriminators."""
