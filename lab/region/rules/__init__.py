"""Rules of AWS that moto lacks, with AWS's error codes."""
