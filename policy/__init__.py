"""The policy pack: rules for the declared resources, checked before anything is created."""
