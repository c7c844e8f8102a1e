"""The lab's Pulumi plug-in: it turns resources into API calls by boto3."""
