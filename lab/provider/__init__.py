"""The Pulumi plug-in of the lab: resources to API calls by boto3, and nothing more."""
